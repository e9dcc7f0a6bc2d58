// The OpenID provider that the tests sign in at: npm's oidc-provider, which knows nothing about this project, over
// https. Its only argument is a JSON file: {issuer, port, tenant, certificate, key, clients, lifetime, token_octets}.
// With a tenant its endpoints have the paths that Microsoft's have, which is where MSAL looks for them.
// Every answer of its token endpoint becomes one line of JSON on standard output.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import { Provider } from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const tenant = settings.tenant ? `/${settings.tenant}` : null;
const routes = tenant && { authorization: `${tenant}/oauth2/v2.0/authorize`, token: `${tenant}/oauth2/v2.0/token` };

const provider = new Provider(settings.issuer, {
  routes: routes ?? {},
  clients: settings.clients,
  jwks: { keys: [{ ...signingKey, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['openid', 'offline_access', 'profile', 'smtp'],
  pkce: { required: () => true },
  features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, introspection: { enabled: true } },
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  // The mail server asks whose login a token is for. A service's own token is for the mailbox named like the client.
  extraTokenClaims: (context, token) => ({ username: token.accountId ?? `${token.clientId}@example.com` }),
  issueRefreshToken: (context, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: () => true,
  formats: {
    bitsOfOpaqueRandomness: (context, token) => (token.kind === 'RefreshToken' ? 256 : settings.token_octets * 6),
  },
  ttl: {
    AccessToken: settings.lifetime,
    ClientCredentials: settings.lifetime,
    RefreshToken: 3600,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    Session: 3600,
  },
});

const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const facts = ({ oidc }) => ({ grant: oidc.params?.grant_type, client: oidc.client?.clientId });
provider.on('grant.success', (context) => tell({ ...facts(context), error: null }));
provider.on('grant.error', (context, error) => tell({ ...facts(context), error: error.error }));
provider.on('server_error', (context, error) => tell({ grant: null, client: null, error: String(error) }));

const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
const answer = provider.callback();
createServer(tls, (request, response) => {
  if (tenant) {
    request.url = request.url.replace(`${tenant}/v2.0/.well-known/`, '/.well-known/');
    // Microsoft grants offline_access to who asks for it; this provider does when the person is asked as well.
    if (!request.url.includes('prompt=')) {
      request.url = request.url.replace(`${routes.authorization}?`, `${routes.authorization}?prompt=consent&`);
    }
  }
  return answer(request, response);
}).listen(settings.port, '127.0.0.1');
