import {
  openAuthenticator,
  createTokenAuthority,
  type Authenticator,
  type TokenAuthority,
} from "@waybill/foundation/auth";
import { ownSecret } from "../data-folder/index.ts";

export interface EntranceInit {
  readonly requireAuth: boolean;
  readonly signingKey: string | undefined;
  /** Where a key is kept that nobody gave; absent for a program without a data folder. */
  readonly dataFolder?: string;
}

/**
 * Who signs and checks tokens; undefined when no authentication is configured. A key that is given turns it on; without
 * one, KUBENOVA_REQUIRE_AUTH has the installation make its own.
 */
export async function tokenAuthorityOf(init: EntranceInit): Promise<TokenAuthority | undefined> {
  if (init.signingKey !== undefined) return createTokenAuthority({ key: Buffer.from(init.signingKey) });
  if (!init.requireAuth || init.dataFolder === undefined) return undefined;
  return createTokenAuthority({ key: Buffer.from(await ownSecret(init.dataFolder, "signing.key")) });
}

export function authenticatorOf(authority: TokenAuthority | undefined): Authenticator {
  return authority?.authenticator ?? openAuthenticator();
}
