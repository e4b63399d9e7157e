/**
 * What a Compose file leaves to an image, of images that many files name: from the Dockerfiles of Docker's official images. Their entrypoints
 * begin as root to change the owner of folders, which no server of Kiln may: so the user is the one that they change to.
 */
export interface KnownImage {
  /** Where its program listens. */
  readonly port?: number;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly writable?: readonly string[];
}

const images: Readonly<Record<string, KnownImage>> = {
  nginx: { port: 80, entrypoint: "/docker-entrypoint.sh", writable: ["/var/cache/nginx", "/run"] },
  httpd: { port: 80, writable: ["/usr/local/apache2/logs"] },
  caddy: { port: 80 },
  postgres: {
    port: 5432,
    user: "postgres",
    entrypoint: "docker-entrypoint.sh",
    writable: ["/run/postgresql"],
  },
  mysql: { port: 3306, user: "mysql", entrypoint: "docker-entrypoint.sh", writable: ["/run/mysqld"] },
  mariadb: { port: 3306, user: "mysql", entrypoint: "docker-entrypoint.sh", writable: ["/run/mysqld"] },
  mongo: { port: 27017, user: "mongodb", entrypoint: "docker-entrypoint.sh" },
  redis: { port: 6379, user: "redis", entrypoint: "docker-entrypoint.sh" },
  valkey: { port: 6379, user: "valkey", entrypoint: "docker-entrypoint.sh" },
  memcached: { port: 11211, entrypoint: "docker-entrypoint.sh" },
  rabbitmq: { port: 5672, user: "rabbitmq", entrypoint: "docker-entrypoint.sh" },
  wordpress: { port: 80, entrypoint: "docker-entrypoint.sh", writable: ["/run"] },
};

/** By the last part of its name: a mirror has the same images. */
export function knownImage(reference: string): KnownImage {
  const name = reference.split("@")[0]?.split("/").at(-1)?.split(":")[0] ?? "";
  return images[name] ?? {};
}
