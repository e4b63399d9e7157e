/* The network link: its address and routes. All return whether the kernel took it, with errno. */
#define LINK "eth0"

static int asking(int request, void *about) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), done = fd >= 0 && ioctl(fd, request, about) == 0, number = errno;
  close(fd);
  errno = number;
  return done;
}

static struct ifreq link_named(const char *name) {
  struct ifreq link;
  memset(&link, 0, sizeof link);
  strcpy(link.ifr_name, name);
  return link;
}

static int set_address(int request, struct in_addr address) {
  struct ifreq link = link_named(LINK);
  struct sockaddr_in *in = (struct sockaddr_in *)&link.ifr_addr;
  in->sin_family = AF_INET;
  in->sin_addr = address;
  return asking(request, &link);
}

static int set_mtu(int mtu) {
  struct ifreq link = link_named(LINK);
  link.ifr_mtu = mtu;
  return asking(SIOCSIFMTU, &link);
}

static int switch_on(const char *name) {
  struct ifreq link = link_named(name);
  link.ifr_flags = IFF_UP | IFF_RUNNING;
  return asking(SIOCSIFFLAGS, &link);
}

/* By GATEWAY, or straight to the link when that is 0.0.0.0. */
static int add_route(struct in_addr to, struct in_addr mask, struct in_addr gateway) {
  struct rtentry way;
  memset(&way, 0, sizeof way);
  way.rt_flags = RTF_UP | (gateway.s_addr ? RTF_GATEWAY : 0);
  way.rt_dev = gateway.s_addr ? NULL : LINK;
  *(struct sockaddr_in *)&way.rt_dst = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = to};
  *(struct sockaddr_in *)&way.rt_genmask = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = mask};
  *(struct sockaddr_in *)&way.rt_gateway = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = gateway};
  return asking(SIOCADDRT, &way) || errno == EEXIST;
}

static void network(const char *address, const char *mask, const char *gateway, const char *mtu) {
  struct in_addr any = {0}, own, of, by;
  inet_aton(address, &own);
  inet_aton(mask, &of);
  inet_aton(gateway, &by);
  if (!switch_on("lo")) fail("switching on", "lo");
  if (!set_mtu(atoi(mtu))) fail("setting the MTU of", LINK);
  if (!set_address(SIOCSIFADDR, own) || !set_address(SIOCSIFNETMASK, of)) fail("setting the address of", LINK);
  if (!switch_on(LINK)) fail("switching on", LINK);
  if (!add_route(any, any, by)) fail("adding the route by", gateway);
}
