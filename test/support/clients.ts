/** What the broker asks AWS with, as one module: to be run as it is, or as it is deployed. */
export { grantsClient, secretsManagerClient, tokensClient } from '../../shared/aws/clients.ts';
export { readSecret } from '../../shared/aws/secret-value.ts';
export { Table } from '../../shared/aws/table.ts';
