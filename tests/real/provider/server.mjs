// The OpenID provider that the tests sign in at: npm's oidc-provider, which knows nothing about this project, over
// https. Its only argument is a JSON file: see OpenIdProvider in openid.py.
// With a tenant its endpoints have the paths that Microsoft's have, which is where MSAL looks for them.
// Every answer of its token endpoint becomes one line of JSON on standard output.
// It exchanges a workload's token for one of its own (RFC 8693), and beside it stand what gives tokens elsewhere: the
// three endpoints of Google's that a service account asks (/google/…), and a machine's metadata service in plain http.
// All of them give tokens of this provider, so that the mail server's question about one is always answered here.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';

import { importPKCS8, importSPKI, jwtVerify, SignJWT } from 'jose';
import { errors, Provider } from 'oidc-provider';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const tenant = settings.tenant ? `/${settings.tenant}` : null;
const routes = tenant && { authorization: `${tenant}/oauth2/v2.0/authorize`, token: `${tenant}/oauth2/v2.0/token` };

const provider = new Provider(settings.issuer, {
  routes: routes ?? {},
  clients: settings.clients,
  jwks: { keys: [{ ...signingKey, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'smtp'],
  pkce: { required: () => true },
  features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, introspection: { enabled: true } },
  claims: { email: ['email', 'email_verified'] },
  findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, email: id, email_verified: true }) }),
  // The mail server asks whose login a token is for. A service's own token is for the mailbox named like the client.
  extraTokenClaims: (context, token) => ({
    username: context?.workload ?? token.accountId ?? `${token.clientId}@example.com`,
  }),
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

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TYPE = 'urn:ietf:params:oauth:token-type';
const platform = await importSPKI(settings.platform_key, 'RS256');
const signing = await importPKCS8(settings.account_private_key, 'RS256');
const account = await importSPKI(settings.account_key, 'RS256');

// Who a statement of the platform's is about. It has to be for `audience`, and to hold at this moment.
const subjectOf = async (statement, audience) => {
  const { payload } = await jwtVerify(statement, platform, { audience, requiredClaims: ['exp', 'sub'] });
  return payload.sub;
};

provider.registerGrantType(TOKEN_EXCHANGE, async (context) => {
  const { params, client } = context.oidc;
  const wanted = params.requested_token_type ?? `${TYPE}:access_token`;
  if (params.subject_token_type !== `${TYPE}:jwt` || wanted !== `${TYPE}:access_token`) {
    throw new errors.InvalidRequest('this type of token is not exchanged');
  }
  try {
    context.workload = await subjectOf(params.subject_token, settings.issuer);
  } catch (error) {
    throw new errors.InvalidRequest(`the subject_token is not valid (${error.code})`);
  }
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  context.oidc.entity('ClientCredentials', token);
  context.body = {
    access_token: await token.save(),
    issued_token_type: `${TYPE}:access_token`,
    token_type: 'Bearer',
    expires_in: token.expiration,
    scope: params.scope,
  };
}, ['subject_token', 'subject_token_type', 'requested_token_type', 'scope'], []);

const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const facts = ({ oidc }) => ({ grant: oidc.params?.grant_type, client: oidc.client?.clientId });
provider.on('grant.success', (context) => tell({ ...facts(context), error: null }));
provider.on('grant.error', (context, error) => tell({ ...facts(context), error: error.error }));
provider.on('server_error', (context, error) => tell({ grant: null, client: null, error: String(error) }));

// A token of this provider's for a mailbox, as those give it who are no client of the provider.
const tokenFor = async (accountId) => {
  const client = await provider.Client.find(settings.elsewhere_client);
  return new provider.AccessToken({ accountId, client, scope: 'smtp' }).save();
};
const refuse = (error, description) => ({ status: 400, body: { error, error_description: description } });

const GOOGLE = '/google';
const elsewhere = {
  [`${GOOGLE}/sts`]: async (request, form) => {
    if (form.get('grant_type') !== TOKEN_EXCHANGE || form.get('subject_token_type') !== `${TYPE}:jwt`) {
      return refuse('invalid_request', 'no exchange');
    }
    try {
      await subjectOf(form.get('subject_token'), settings.issuer);
    } catch (error) {
      return refuse('invalid_grant', error.code);
    }
    const body = { access_token: await tokenFor('workload'), issued_token_type: `${TYPE}:access_token` };
    return { body: { ...body, token_type: 'Bearer', expires_in: 3600 } };
  },
  [`${GOOGLE}/serviceAccounts/mailer@example.com:signJwt`]: async (request, form, text) => {
    const bearer = await provider.AccessToken.find((request.headers.authorization ?? '').replace('Bearer ', ''));
    if (bearer?.accountId !== 'workload') {
      return { status: 403, body: { error: { code: 403, message: 'denied', status: 'PERMISSION_DENIED' } } };
    }
    const claims = JSON.parse(JSON.parse(text).payload);
    const signedJwt = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'JWT' }).sign(signing);
    return { body: { keyId: 'k', signedJwt } };
  },
  [`${GOOGLE}/token`]: async (request, form) => {
    if (form.get('grant_type') !== JWT_BEARER) return refuse('unsupported_grant_type', 'no service account');
    try {
      const expected = { audience: `${settings.issuer}${GOOGLE}/token`, issuer: 'mailer@example.com' };
      const required = { requiredClaims: ['exp', 'iat', 'sub', 'scope'], maxTokenAge: 3600 };
      const { payload } = await jwtVerify(form.get('assertion'), account, { ...expected, ...required });
      return { body: { access_token: await tokenFor(payload.sub), token_type: 'Bearer', expires_in: 3599 } };
    } catch (error) {
      return refuse('invalid_grant', error.code);
    }
  },
};
const metadata = async (request) => {
  const query = new URL(request.url, 'http://machine').searchParams;
  if (request.headers.metadata !== 'true' || !query.get('resource')) return refuse('invalid_request', 'no metadata');
  const expires_in = String(settings.lifetime);
  const body = { access_token: await tokenFor('machine@example.com'), token_type: 'Bearer', expires_in };
  return { body: { ...body, expires_on: String(Math.floor(Date.now() / 1000) + settings.lifetime) } };
};
const answerWith = async (give, request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const form = new URLSearchParams(text);
  const { status = 200, body } = await give(request, form, text);
  tell({ grant: form.get('grant_type') ?? request.url.split('?')[0], client: null, error: body.error ?? null });
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
if (settings.metadata_port) {
  const serve = (request, response) => answerWith(metadata, request, response);
  createPlainServer(serve).listen(settings.metadata_port, '127.0.0.1');
}

const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
const answer = provider.callback();
createServer(tls, (request, response) => {
  if (elsewhere[request.url]) return answerWith(elsewhere[request.url], request, response);
  if (tenant) {
    request.url = request.url.replace(`${tenant}/v2.0/.well-known/`, '/.well-known/');
    // Microsoft grants offline_access to who asks for it; this provider does when the person is asked as well.
    if (!request.url.includes('prompt=')) {
      request.url = request.url.replace(`${routes.authorization}?`, `${routes.authorization}?prompt=consent&`);
    }
  }
  return answer(request, response);
}).listen(settings.port, '127.0.0.1');
