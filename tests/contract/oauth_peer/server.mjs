// An OAuth server written by others, at the addresses that Autodesk's has. What is ours here: which apps are registered,
// and how a service account's assertion is checked, which is the one thing that oidc-provider leaves to its users.
//
// node server.mjs '{"callback": <port>, "secret": <of the confidential app>, "key": <a service account's public key, PEM>}'
//
// Prints its own address as one line of JSON, and serves until its stdin ends.

import { once } from 'node:events';
import { createServer } from 'node:http';

import { importSPKI, jwtVerify } from 'jose';
import Provider, { errors } from 'oidc-provider';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SCOPE = 'data:read';
const LONGEST_ASSERTION = 300; // seconds

console.info = console.warn; // stdout is for the address

const given = JSON.parse(process.argv[2]);
const key = await importSPKI(given.key, 'RS256');

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const tokenAddress = `${issuer}/authentication/v2/token`;

const registration = {
  redirect_uris: [`http://localhost:${given.callback}/callback`],
  response_types: ['code'],
  scope: SCOPE,
};
const provider = new Provider(issuer, {
  clients: [
    {
      ...registration,
      client_id: 'confidential-app',
      client_secret: given.secret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code', 'refresh_token', JWT_BEARER],
    },
    {
      ...registration,
      client_id: 'public-app',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  scopes: [SCOPE],
  routes: {
    authorization: '/authentication/v2/authorize',
    token: '/authentication/v2/token',
    revocation: '/authentication/v2/revoke',
    introspection: '/authentication/v2/introspect',
  },
  pkce: { required: () => true },
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  expiresWithSession: () => false, // a login outlives the browser's session
  extraTokenClaims: (_ctx, token) => ({ userid: token.accountId }), // Autodesk's introspection names the person so
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  features: {
    devInteractions: { enabled: true }, // pages that let anybody in who gives a name
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
});

provider.registerGrantType(
  JWT_BEARER,
  async (ctx) => {
    const { client, params } = ctx.oidc;
    const claims = await proven(params.assertion, client.clientId);
    const grant = new provider.Grant({ accountId: claims.sub, clientId: client.clientId });
    grant.addOIDCScope(SCOPE);
    const token = new provider.AccessToken({
      accountId: claims.sub,
      client,
      grantId: await grant.save(),
      gty: JWT_BEARER,
      scope: SCOPE,
    });
    ctx.body = {
      access_token: await token.save(),
      expires_in: token.expiration,
      scope: SCOPE,
      token_type: token.tokenType,
    };
  },
  ['assertion'],
);

// RFC 7523, 3, and what Autodesk adds: RS256, a short life, `scope` as a list. `iat` is optional.
async function proven(assertion, clientId) {
  try {
    const { payload } = await jwtVerify(assertion, key, {
      algorithms: ['RS256'],
      issuer: clientId,
      audience: tokenAddress,
      requiredClaims: ['sub', 'exp'],
    });
    if (payload.exp > Date.now() / 1000 + LONGEST_ASSERTION) throw new Error('exp is too far ahead');
    if (!Array.isArray(payload.scope) || payload.scope.join() !== SCOPE) throw new Error('scope is not the list it must be');
    return payload;
  } catch (cause) {
    throw new errors.CustomOIDCProviderError('invalid_grant', `the assertion is refused: ${cause.message}`);
  }
}

server.on('request', provider.callback());
process.stdin.on('end', () => process.exit()).resume();
console.log(JSON.stringify({ address: issuer }));
