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

/** Of `@aws-sdk/middleware-endpoint-discovery`. */
export function resolveEndpointDiscoveryConfig<Input>(input: Input): Input {
  return input;
}
