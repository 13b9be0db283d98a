// SPDX-License-Identifier: MIT
// Calls of functions in another thread, through a worker or a port.

type Functions = Record<string, (...args: any[]) => unknown>;

/** A worker or a port, from either side. */
interface End {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

interface Call {
  call: number;
  name: string;
  args: unknown[];
}
interface Answer {
  answer: number;
  value?: unknown;
  error?: string;
}

export type Remote<F> = {
  [K in keyof F]: F[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

/** Answers calls with these functions. */
export function serve(end: End, functions: Functions): void {
  end.onmessage = async ({ data: { call, name, args } }: MessageEvent<Call>) => {
    try {
      end.postMessage({ answer: call, value: await functions[name]!(...args) } satisfies Answer);
    } catch (error) {
      end.postMessage({ answer: call, error: error instanceof Error ? error.message : String(error) } satisfies Answer);
    }
  };
}

/** The functions of the other end. `event` receives its other messages. */
export function remote<F>(end: End, event: (data: any) => void = () => {}): Remote<F> {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let count = 0;
  end.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data.answer === undefined) return event(data);
    const { resolve, reject } = waiting.get(data.answer)!;
    waiting.delete(data.answer);
    if (data.error === undefined) resolve(data.value);
    else reject(new Error(data.error));
  };
  const call = (name: string, args: unknown[]) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject });
      const transfer = args.filter((arg) => arg instanceof MessagePort) as unknown as Transferable[];
      end.postMessage({ call: count, name, args } satisfies Call, transfer);
    });
  return new Proxy(
    {},
    {
      get:
        (_, name: string) =>
        (...args: unknown[]) =>
          call(name, args),
    },
  ) as Remote<F>;
}
