/**
 * Every error that a user can meet: the one table from code to HTTP status and exit code.
 * `docs/errors.md` explains each; a test holds the two together.
 *
 * Exit codes: 1 failed, 2 usage or bad spec, 3 refused by policy or lock, 4 rolled back.
 */
export const errorCodes = {
  usage: { status: 400, exit: 2 },
  spec_invalid: { status: 400, exit: 2 },
  spec_unreadable: { status: 400, exit: 2 },
  file_missing: { status: 400, exit: 2 },
  file_unsupported: { status: 400, exit: 2 },
  path_escapes: { status: 400, exit: 2 },
  lock_stale: { status: 409, exit: 2 },
  lock_invalid: { status: 400, exit: 2 },
  package_unknown: { status: 422, exit: 2 },
  package_conflict: { status: 422, exit: 2 },
  package_gone: { status: 422, exit: 1 },
  package_corrupt: { status: 502, exit: 1 },
  package_needs_script: { status: 422, exit: 2 },
  apt_failed: { status: 502, exit: 1 },
  command_missing: { status: 422, exit: 2 },
  user_missing: { status: 422, exit: 2 },
  image_unknown: { status: 404, exit: 1 },
  image_invalid: { status: 422, exit: 1 },
  image_in_use: { status: 409, exit: 3 },
  version_taken: { status: 409, exit: 3 },
  service_unknown: { status: 404, exit: 1 },
  release_unknown: { status: 404, exit: 1 },
  server_unknown: { status: 404, exit: 1 },
  rollout_running: { status: 409, exit: 3 },
  rollout_none: { status: 409, exit: 3 },
  rollback_impossible: { status: 409, exit: 3 },
  port_taken: { status: 409, exit: 3 },
  traffic_conflict: { status: 409, exit: 3 },
  disk_full: { status: 507, exit: 1 },
  not_root: { status: 403, exit: 3 },
  tool_missing: { status: 503, exit: 1 },
  platform_unusable: { status: 503, exit: 1 },
  router_failed: { status: 502, exit: 1 },
  server_failed: { status: 502, exit: 1 },
  command_failed: { status: 500, exit: 1 },
  state_path_too_long: { status: 400, exit: 2 },
  state_held: { status: 409, exit: 3 },
  state_newer: { status: 409, exit: 3 },
  state_corrupt: { status: 500, exit: 1 },
  controller_unreachable: { status: 503, exit: 1 },
  timed_out: { status: 504, exit: 1 },
  cancelled: { status: 499, exit: 1 },
  internal: { status: 500, exit: 1 },
} as const satisfies Record<string, { status: number; exit: 1 | 2 | 3 | 4 }>;

export type ErrorCode = keyof typeof errorCodes;
