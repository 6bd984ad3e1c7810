import type { Finding } from '../../cli/doctor/check.ts';
import { api } from './api.ts';
import { useLoaded } from './loading.ts';
import { Next, Problem, State, type Tone } from './parts.tsx';

const TONES: Readonly<Record<Finding['status'], Tone>> = {
  ok: 'good',
  problem: 'bad',
  advice: 'quiet',
  skipped: 'quiet',
};

const ORDER: readonly Finding['status'][] = ['problem', 'advice', 'ok', 'skipped'];
/** What is to mend comes first; the rest stays in the order of the checks. */
const bySeverity = (one: Finding, other: Finding) => ORDER.indexOf(one.status) - ORDER.indexOf(other.status);

export function DoctorView() {
  const { value, failure, reload } = useLoaded(api.doctor, []);
  const problems = value?.findings.filter(({ status }) => status === 'problem').length;
  return (
    <>
      <div class="title">
        <h1>Doctor</h1>
        <button type="button" class="plain" onClick={reload}>
          Check again
        </button>
      </div>
      <p role="status">
        {problems === undefined && !failure && 'Checking …'}
        {problems === 0 && 'All is well.'}
        {problems !== undefined && problems > 0 && `${problems} to mend.`}
      </p>
      <Problem failure={failure} />
      <ul class="rows">
        {value?.findings.toSorted(bySeverity).map((finding) => (
          <li key={finding.check + finding.detail} class="row finding">
            <span class="how">
              <State tone={TONES[finding.status]}>{finding.status}</State>
            </span>
            <span>
              <strong>{finding.check}</strong>: {finding.detail}
              {finding.fix && <Next text={finding.fix} />}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
