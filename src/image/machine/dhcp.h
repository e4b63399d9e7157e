/*
 * The address of the machine, by DHCP (RFC 2131, options of RFC 2132 and 3442). A process of its own renews it. Frames go past the
 * kernel's own network, which takes nothing for a machine without an address.
 */

struct lease {
  struct in_addr address, mask, server, gateway, names[3];
  int namec, mtu;
  unsigned seconds;
  char host[65];
  unsigned char routes[256];
  int routes_length;
};

struct message {
  unsigned char version, tos;
  unsigned short length, id, fragment;
  unsigned char ttl, protocol;
  unsigned short checksum;
  struct in_addr from, to;
  unsigned short from_port, to_port, udp_length, udp_checksum;
  unsigned char op, kind, hardware_length, hops;
  unsigned transaction;
  unsigned short seconds, flags;
  struct in_addr client, yours, next, relay;
  unsigned char hardware[16], name[64], file[128], cookie[4], options[1024];
};

enum { discover = 1, offer = 2, request = 3, acknowledged = 5, refused = 6, before_udp = 20, before_options = 268 };
static const unsigned char cookie[] = {99, 130, 83, 99};
static struct lease lease;

static unsigned short sum(const void *bytes, int length) {
  unsigned total = 0;
  for (const unsigned short *at = bytes; length > 1; length -= 2) total += *at++;
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return ~total;
}

static unsigned char *option(unsigned char *at, int code, int length, const void *value) {
  *at++ = code;
  *at++ = length;
  memcpy(at, value, length);
  return at + length;
}

static int send_message(int fd, int index, int type, unsigned transaction, const unsigned char *mac, struct in_addr own) {
  struct message m;
  unsigned char *end = m.options, kind = type;
  memset(&m, 0, sizeof m);
  m.op = 1, m.kind = 1, m.hardware_length = 6, m.transaction = transaction, m.flags = htons(0x8000), m.client = own;
  memcpy(m.hardware, mac, 6);
  memcpy(m.cookie, cookie, 4);
  end = option(end, 53, 1, &kind);
  if (type == request && own.s_addr == 0) {
    end = option(end, 50, 4, &lease.address);
    end = option(end, 54, 4, &lease.server);
  }
  end = option(end, 55, 8, "\x01\x03\x06\x0c\x1a\x33\x36\x79");
  *end++ = 255;
  int length = end - (unsigned char *)&m;
  if (length < before_options + 60) length = before_options + 60; /* as BOOTP: some answer nothing shorter */
  m.version = 0x45, m.ttl = 64, m.protocol = 17, m.from = own, m.to.s_addr = INADDR_BROADCAST, m.length = htons(length);
  m.checksum = sum(&m, before_udp);
  m.from_port = htons(68), m.to_port = htons(67), m.udp_length = htons(length - before_udp);
  struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = index, .sll_halen = 6};
  memset(all.sll_addr, 255, 6);
  return sendto(fd, &m, length, 0, (struct sockaddr *)&all, sizeof all) == length;
}

/* What it offers, into FOUND; returns its type, or 0 when it is no answer to us. */
static int read_message(struct message *m, int length, unsigned transaction, const unsigned char *mac, struct lease *found) {
  int type = 0;
  if (length < before_options + 4 || m->version != 0x45 || m->protocol != 17 || m->to_port != htons(68) || m->op != 2) return 0;
  if (m->transaction != transaction || memcmp(m->hardware, mac, 6) != 0 || memcmp(m->cookie, cookie, 4) != 0) return 0;
  memset(found, 0, sizeof *found);
  found->address = m->yours;
  unsigned char *end = (unsigned char *)m + length;
  for (unsigned char *at = m->options; at < end && *at != 255;) {
    if (*at == 0) { at++; continue; }
    if (at + 2 > end || at + 2 + at[1] > end) break;
    int code = at[0], size = at[1];
    unsigned char *value = at + 2;
    at = value + size;
    if (code == 53 && size == 1) type = *value;
    if (code == 1 && size == 4) memcpy(&found->mask, value, 4);
    if (code == 3 && size >= 4) memcpy(&found->gateway, value, 4);
    if (code == 54 && size == 4) memcpy(&found->server, value, 4);
    if (code == 6) for (found->namec = 0; found->namec < 3 && found->namec < size / 4; found->namec++) memcpy(&found->names[found->namec], value + 4 * found->namec, 4);
    if (code == 51 && size == 4) found->seconds = (unsigned)value[0] << 24 | value[1] << 16 | value[2] << 8 | value[3];
    if (code == 26 && size == 2) found->mtu = value[0] << 8 | value[1];
    if (code == 121) memcpy(found->routes, value, found->routes_length = size);
    /* It goes into files: only what names consist of. */
    if (code == 12 && size < 64 && strspn((char *)value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") >= (size_t)size) snprintf(found->host, size + 1, "%s", (char *)value);
  }
  return type;
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sends one message and waits for its answer: its type, which is offer, acknowledged or refused, else 0. */
static int exchange(int type, struct in_addr own, int wait_ms) {
  static unsigned count;
  struct ifreq link = link_named(LINK), number = link;
  struct message m;
  struct lease found;
  if (!asking(SIOCGIFHWADDR, &link) || !asking(SIOCGIFINDEX, &number)) fail("finding", LINK);
  const unsigned char *mac = (unsigned char *)link.ifr_hwaddr.sa_data;
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0), answer = 0;
  struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_ifindex = number.ifr_ifindex};
  if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) != 0) fail("listening on", LINK);
  unsigned transaction = (unsigned)now_ms() * 2654435761u ^ (mac[2] << 24 | mac[3] << 16 | mac[4] << 8 | mac[5]) ^ count++;
  long until = now_ms() + wait_ms;
  send_message(fd, number.ifr_ifindex, type, transaction, mac, own);
  for (long left; !answer && (left = until - now_ms()) > 0;) {
    struct pollfd one = {fd, POLLIN};
    if (poll(&one, 1, left) <= 0) continue;
    int length = recv(fd, &m, sizeof m - 1, 0);
    if (length < 0) continue;
    ((char *)&m)[length] = 0;
    answer = read_message(&m, length, transaction, mac, &found);
    if (answer == acknowledged || answer == offer) lease = found;
  }
  close(fd);
  return answer;
}

static void use_lease(void) {
  struct in_addr any = {0}, one = {0xffffffff};
  if (lease.mtu >= 576 && !set_mtu(lease.mtu)) tell("the MTU %d of DHCP cannot be set", lease.mtu);
  if (!set_address(SIOCSIFADDR, lease.address) || !set_address(SIOCSIFNETMASK, lease.mask.s_addr ? lease.mask : one)) tell("the address of DHCP cannot be set");
  for (unsigned char *at = lease.routes, *end = at + lease.routes_length; at < end && *at <= 32 && at + 5 + (*at + 7) / 8 <= end;) {
    struct in_addr to = {0}, mask = {*at ? htonl(0xffffffffu << (32 - *at)) : 0}, by;
    int significant = (*at + 7) / 8;
    memcpy(&to, at + 1, significant);
    memcpy(&by, at + 1 + significant, 4);
    if (!add_route(to, mask, by)) tell("a route of DHCP cannot be set");
    at += 5 + significant;
  }
  if (lease.routes_length > 0 || lease.gateway.s_addr == 0) return; /* RFC 3442: then the gateway does not count */
  if ((lease.gateway.s_addr ^ lease.address.s_addr) & lease.mask.s_addr) add_route(lease.gateway, one, any);
  if (!add_route(any, any, lease.gateway)) tell("the gateway of DHCP cannot be set");
}

/* Until there is an answer: a network may be later than the machine. */
static void obtain(void) {
  struct in_addr none = {0};
  for (int tries = 0;; tries++) {
    int wait_ms = tries < 4 ? 1000 << tries : 8000;
    if (exchange(discover, none, wait_ms) == offer && exchange(request, none, wait_ms) == acknowledged) break;
    if (tries % 4 == 2) tell("no answer to DHCP on %s; asking again", LINK);
  }
  use_lease();
}

static void renew(void) {
  for (;;) {
    unsigned whole = lease.seconds < 20 ? 20 : lease.seconds;
    long end = now_ms() + whole * 1000L;
    sleep(whole / 2);
    int answer = 0;
    while (answer != acknowledged && answer != refused && now_ms() < end) {
      answer = exchange(request, lease.address, 5000);
      if (answer == 0) sleep(whole / 16 < 60 ? whole / 16 : 60);
    }
    if (answer == acknowledged) { use_lease(); continue; }
    struct in_addr none = {0};
    tell("the address of DHCP has ended");
    set_address(SIOCSIFADDR, none);
    obtain();
  }
}

static void dhcp(void) {
  char name[64];
  if (!switch_on("lo")) fail("switching on", "lo");
  device("/sys/class/net", "uevent", "INTERFACE=" LINK, name);
  if (!switch_on(LINK)) fail("switching on", LINK);
  obtain();
  tell("the address is %s", inet_ntoa(lease.address));
  if (*lease.host) sethostname(lease.host, strlen(lease.host));
  if (lease.seconds != 0xffffffff && fork() == 0) renew();
}

static void place(char *path, mode_t mode, uid_t owner, gid_t group, const char *bytes, size_t length);

static void place_text(const char *path, const char *text) {
  char own[64];
  place(strcpy(own, path), 0644, 0, 0, text, strlen(text));
}

/* The files in which programs look up names, from what DHCP has told. */
static void place_names(void) {
  char name[65] = "", text[512] = "";
  gethostname(name, sizeof name - 1);
  snprintf(text, sizeof text, "127.0.0.1 localhost\n::1 localhost\n%s %s\n", inet_ntoa(lease.address), name);
  place_text("/etc/hosts", text);
  snprintf(text, sizeof text, "%s\n", name);
  place_text("/etc/hostname", text);
  *text = 0;
  for (int i = 0; i < lease.namec; i++) snprintf(text + strlen(text), sizeof text - strlen(text), "nameserver %s\n", inet_ntoa(lease.names[i]));
  place_text("/etc/resolv.conf", text);
}
