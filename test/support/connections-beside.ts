import { loadConnections } from '../../infra/connections-file.ts';
import { Stage } from '../../infra/stage.ts';

/** What a deployment puts beside its bundles for the connections of a file. */
export function connectionsBeside(connections: Readonly<Record<string, object>>): string {
  return JSON.stringify(loadConnections({ connections }, new Stage(undefined)));
}
