export { Access, requireScope, type AccessOptions, type Credentials } from './access';
export { createApiKey, type ApiKey, type NewApiKey } from './keys';
export { ALL_MODELS, allows, type Action, type Grant, type Scope } from './scopes';
export { type TokenOptions } from './tokens';
