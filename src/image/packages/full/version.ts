/** Part of every layer's cache key: raise it when an installation of the same packages would give another tree. */
export const fullVersion = 1;
