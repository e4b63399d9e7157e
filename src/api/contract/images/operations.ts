import type { ContractEntry } from "../entry.ts";

/** The part of the table about versions of images, channels that name them, and revocations. */
export const imagesTable = {
  /** In the order in which they were made. Their content is exchanged by OCI distribution, below `/v2/`. */
  images: {
    method: "GET",
    path: "/v1/images",
    needs: "view repositories",
    summary: "The versions of images, and the kept releases that use them.",
    asks: "OfService",
    answers: "Images",
  },
  /** Throws `image_unknown`, `image_invalid`. */
  image: {
    method: "GET",
    path: "/v1/images/:digest",
    needs: "view image",
    summary: "What one image has: layers, configuration, and what refers to it.",
    asks: "OneImage",
    answers: "Image",
  },
  /** The version stays taken. Throws `image_unknown`, `image_in_use`. */
  removeImage: {
    method: "POST",
    path: "/v1/images/:service/:version/remove",
    needs: "operate repository",
    summary: "Removes a version that no kept release uses and that is not pinned.",
    asks: "ChangeImage",
  },
  /** Throws `image_unknown`. */
  pinImage: {
    method: "POST",
    path: "/v1/images/:service/:version/pin",
    needs: "operate repository",
    summary: "Keeps a version, whatever uses it.",
    asks: "ChangeImage",
  },
  /** Throws `image_unknown`. */
  unpinImage: {
    method: "POST",
    path: "/v1/images/:service/:version/unpin",
    needs: "operate repository",
    summary: "Takes the pin from a version.",
    asks: "ChangeImage",
  },
  /** Not what is younger than 10 minutes: it may belong to a running build. */
  collectImages: {
    method: "POST",
    path: "/v1/images/collect",
    needs: "operate installation",
    summary: "Removes images and cached data that nothing uses.",
    asks: "Because",
    answers: "Collected",
  },
  revocations: {
    method: "GET",
    path: "/v1/revocations",
    needs: "view installation",
    summary: "Revoked images.",
    asks: "Nothing",
    answers: "Revocations",
  },
  /** In place of an earlier one of the same image. Throws `usage` when that one holds and this one is yet to come. */
  revokeImage: {
    method: "POST",
    path: "/v1/revocations/:digest",
    needs: "operate installation",
    summary: "Revokes an image: no server is started from it, nor from what was built on it.",
    asks: "RevokeImage",
    answers: "Revocation",
  },
  /** Throws `image_unknown` when it is not revoked. */
  unrevokeImage: {
    method: "POST",
    path: "/v1/revocations/:digest/lift",
    needs: "operate installation",
    summary: "Allows servers of an image again.",
    asks: "UnrevokeImage",
  },
  channels: {
    method: "GET",
    path: "/v1/channels",
    needs: "view installation",
    summary: "Where each channel is.",
    asks: "Nothing",
    answers: "Channels",
  },
  /** Throws `channel_unknown`. */
  channel: {
    method: "GET",
    path: "/v1/channels/:service/:name",
    needs: "view repository",
    summary: "Where a channel is, and where it has been.",
    asks: "ChannelName",
    answers: "ChannelHistory",
  },
  /** Setting it to where it is changes nothing. Throws `image_unknown`, `image_revoked`. */
  setChannel: {
    method: "POST",
    path: "/v1/channels/:service/:name",
    needs: "operate repository",
    summary: "Moves a channel to a version, or makes it.",
    asks: "SetChannel",
    answers: "Channel",
  },
  /** Throws `channel_unknown`. */
  removeChannel: {
    method: "POST",
    path: "/v1/channels/:service/:name/remove",
    needs: "operate repository",
    summary: "Removes a channel, with where it has been; versions and what was built on it stay.",
    asks: "RemoveChannel",
  },
} as const satisfies Record<string, ContractEntry>;
