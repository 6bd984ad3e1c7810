/**
 * Stands in for `@smithy/core/endpoints` in the bundles, which makes middleware as it is loaded, 5 KB of code: here that is
 * made, and bundled, only where a client of the SDK has it. What the SDK comes to ask for and is not here stops the build.
 */
// @ts-nocheck By their paths, because the name leads here; types are beside the name alone.
import { getEndpointFromConfig } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/middleware-endpoint/adaptors/getEndpointFromConfig.js';
import { bindGetEndpointPlugin } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/middleware-endpoint/getEndpointPlugin.js';
import { bindResolveEndpointConfig } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/middleware-endpoint/resolveEndpointConfig.js';

export { isValidHostLabel, toEndpointV1 } from '@smithy/core/transport';
export { BinaryDecisionDiagram } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/bdd/BinaryDecisionDiagram.js';
export { EndpointCache } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/cache/EndpointCache.js';
export { decideEndpoint } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/decideEndpoint.js';
export { isIpAddress } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/lib/isIpAddress.js';
export { resolveEndpoint } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/resolveEndpoint.js';
export { EndpointError } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/types/index.js';
export { customEndpointFunctions } from '../../node_modules/@smithy/core/dist-es/submodules/endpoints/util-endpoints/utils/customEndpointFunctions.js';
export const getEndpointPlugin = /* @__PURE__ */ bindGetEndpointPlugin(getEndpointFromConfig);
export const resolveEndpointConfig = /* @__PURE__ */ bindResolveEndpointConfig(getEndpointFromConfig);
