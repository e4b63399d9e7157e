import { z } from "zod";

/** The parts of the Engine API's answers that we read: Docker Engine API 1.41 and later. */

const listedContainer = z.object({
  Id: z.string(),
  Labels: z.record(z.string(), z.string()),
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  State: z.string(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()).nullish() }).nullish(),
});

export const listedContainers = z.array(listedContainer);

export type ListedContainer = z.infer<typeof listedContainer>;

export const inspectedContainer = z.object({
  Id: z.string(),
  /** With a slash before it. */
  Name: z.string(),
  /** The id of its image, as this engine's image store names it. */
  Image: z.string(),
  State: z.object({
    Status: z.string(),
    Pid: z.number(),
    ExitCode: z.number(),
    OOMKilled: z.boolean(),
    /** RFC 3339; of the year 1 when it was never started, or has not ended. */
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
});

export type InspectedContainer = z.infer<typeof inspectedContainer>;

export const createdContainer = z.object({ Id: z.string() });

export const inspectedNetwork = z.object({
  Id: z.string(),
  IPAM: z.object({
    Config: z.array(z.object({ Subnet: z.string(), Gateway: z.string().optional() })),
  }),
});

export const inspectedImage = z.object({ Id: z.string() });

export const engineInfo = z.object({
  ServerVersion: z.string(),
  Driver: z.string(),
  /** As `uname -m` names it. */
  Architecture: z.string(),
  OSType: z.string(),
  CgroupVersion: z.string().optional(),
  LiveRestoreEnabled: z.boolean().default(false),
  /** `name=seccomp,profile=default`, `name=rootless`, `name=userns`. */
  SecurityOptions: z.array(z.string()).nullable().default([]),
  MemoryLimit: z.boolean().default(true),
  SwapLimit: z.boolean().default(true),
  PidsLimit: z.boolean().default(true),
  CpuCfsQuota: z.boolean().default(true),
});

export type EngineInfo = z.infer<typeof engineInfo>;

export const containerEvent = z.object({
  Action: z.string(),
  Actor: z.object({ Attributes: z.record(z.string(), z.string()).default({}) }),
});

export const createdExec = z.object({ Id: z.string() });

export const inspectedExec = z.object({
  Running: z.boolean(),
  /** Null until it has ended. */
  ExitCode: z.number().nullable(),
  /** In the engine's own process-id namespace; 0 until it runs. */
  Pid: z.number(),
});

/** One line of the answer to `POST /images/load`. */
export const loadProgress = z.object({ error: z.string().optional() });
