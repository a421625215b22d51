export { type IsolatedModel, type SessionFacts } from './messages';
export { ModelProcess } from './model-process';
export { IsolatedBinding, IsolatedSession, sharedLatency } from './session';
