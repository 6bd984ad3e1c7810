/** Stands in for `@smithy/core/event-streams` in the bundles, which no operation of the broker's has. */
const asItIs = <Input>(input: Input): Input => input;

export { asItIs as eventStreamSerdeProvider, asItIs as resolveEventStreamSerdeConfig };
