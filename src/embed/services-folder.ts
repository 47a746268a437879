import { describeError } from "../common/errors.js";
import type { ErrorStore } from "../errors/error-store.js";
import { entryOf, importModule, modulePaths } from "./module-folder.js";
import type { Service } from "./service.js";
import { type ServiceHost, setServiceHost } from "./service-host.js";

export interface ServicesOptions extends Omit<ServiceHost, "started" | "setAside"> {
  readonly folder: string;
  readonly errorStore: ErrorStore;
}

/** A process's services: the files of a folder, each of which makes services and starts them. */
export class Services {
  readonly all: Service[] = [];
  /** files that failed, with why */
  readonly broken: { readonly file: string; readonly message: string }[] = [];

  private constructor(private readonly options: ServicesOptions) {}

  /**
   * Runs each of the folder's modules. It does not wait for them: a service starts when its topics are there. What fails is logged and shown as unhealthy, and keeps nothing else from running.
   * @throws CONFIG_INVALID where the folder is none
   */
  static open(options: ServicesOptions): Services {
    const paths = modulePaths(options.folder, "services");
    const services = new Services(options);
    const { errorStore } = options;
    setServiceHost({
      ...options,
      started: (service) => services.all.push(service),
      setAside: (name, records) =>
        errorStore.setAside(
          records.map(({ stage, cause, ...record }) => ({
            ...record,
            owner: { kind: "query", name },
            stage: stage === "DESERIALIZATION" ? "deserialize" : "query",
            error: cause,
          })),
        ),
    });
    for (const path of paths) services.run(path);
    return services;
  }

  get failed(): string[] {
    return [
      ...this.broken.map(({ file, message }) => `${file}: ${message}`),
      ...this.all.flatMap(({ state, applicationId, error }) => (state === "ERROR" ? [`${applicationId}: ${describeError(error)}`] : [])),
    ];
  }

  async close(): Promise<void> {
    setServiceHost(undefined);
    await Promise.all(this.all.map((service) => service.close()));
  }

  private run(path: string): void {
    const { logger } = this.options;
    const loaded = async () => importModule(entryOf(path));
    loaded().catch((error: unknown) => {
      // A service that could not start says so itself.
      if (this.all.some((service) => service.error === error)) return;
      this.broken.push({ file: path, message: describeError(error) });
      logger.error(`the service ${path} cannot be run: ${describeError(error)}`, { file: path, error });
    });
  }
}
