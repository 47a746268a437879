export declare function installed(name: string): boolean;
export interface RunningService {
  readonly host: string;
  readonly port: number;
  start(): Promise<unknown>;
  halt(): Promise<unknown>;
  kill(): Promise<void>;
  stop(): Promise<void>;
}
export declare function startService(name: string, env?: Readonly<Record<string, string>>, port?: number): Promise<RunningService>;
