/**
 * Stands in for parts of the SDK that the broker's operations never reach: event streams, and the discovery of DynamoDB
 * endpoints, which only other services' operations ask for.
 */

/** Of `@aws-sdk/middleware-endpoint-discovery`. */
export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS = {
  environmentVariableSelector: () => undefined,
  configFileSelector: () => undefined,
  default: undefined,
};

const asItIs = <Input>(input: Input): Input => input;

export {
  asItIs as eventStreamSerdeProvider,
  asItIs as resolveEndpointDiscoveryConfig,
  /** Of `@smithy/core/event-streams`. */
  asItIs as resolveEventStreamSerdeConfig,
};
