/** For unit tests of callers: a broker that answers as it is told, over HTTP on this machine. */
export type { FakeAnswers } from './fake-answers.ts';
export {
  type FakeBroker,
  type FakeFailure,
  type FakeRequest,
  startFakeBroker,
} from './fake-broker.ts';
