/** nginx as a server of Kiln: no privileges, a read-only root, logs to stdout and stderr. The same as in examples/site. */
export const nginxConf = `\
# nginx as a server of Kiln: an ordinary user, a read-only root, logs to stdout and stderr.
daemon off;
worker_processes 1;
pid /tmp/nginx.pid;
error_log stderr;

events {
  worker_connections 1024;
}

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  server_tokens off;
  # Head and body of a page leave in one piece: when a server is frozen or killed, each request was answered or can be repeated.
  sendfile off;
  access_log /dev/stdout combined buffer=16k flush=1s;

  # Only /tmp is writable.
  client_body_temp_path /tmp/client-body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  # All files of an image carry the same time, so the time does not show which files have changed.
  etag off;
  if_modified_since off;
  add_header Cache-Control no-cache;

  server {
    listen 8080;
    root /srv/www;
    absolute_redirect off;
  }
}
`;

export const starterPage = `\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Made by Kiln</title>
  </head>
  <body>
    <h1>It works</h1>
    <p>Edit this page, run <code>kiln deploy</code>, and reload.</p>
  </body>
</html>
`;
