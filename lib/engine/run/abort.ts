import { whenAborted } from './abort-listeners';
import { abortError } from '../../abort';
import { OnliteError } from '../../errors';
import { abandonJob, type StartedJob } from '../addon/jobs';
import { native } from '../addon/native';
import type { CheckedRunOptions } from './run-options';

/**
 * Ties a job to its run's signal and time-out, for as long as it is under way.
 * When one fires the job is rejected at once and its late result dropped.
 */
export async function abortable<Result>(
  job: StartedJob & { result: Promise<Result> },
  { signal, timeoutMs }: CheckedRunOptions,
): Promise<Result> {
  const abandon = (error: OnliteError): void => {
    abandonJob(job, error, (id) => native().cancel(id, error.code === 'ERR_TIMEOUT'));
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          abandon(new OnliteError('ERR_TIMEOUT', `the run was not finished in ${timeoutMs} ms`));
        }, timeoutMs);
  const onAbort = (): void => {
    abandon(abortError(signal?.reason));
  };
  // It may have fired while the feeds were read.
  if (signal?.aborted === true) onAbort();
  const forget = signal && whenAborted(signal, onAbort);
  try {
    return await job.result;
  } finally {
    clearTimeout(timer);
    forget?.();
  }
}
