#!/usr/bin/perl
# A small web server, for as long as nobody asks it to end: Perl is on every Debian.
use strict;
use warnings;
use IO::Socket::INET;

my ($address, $port) = @ENV{qw(ADDRESS PORT)};
my $ask = $ARGV[0] // '';

sub request {
  my ($path) = @_;
  my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 5) or return '';
  print $socket "GET $path HTTP/1.0\r\n\r\n";
  local $/;
  return <$socket> // '';
}

exit(request('/') =~ / \Q$ENV{NAME}\E\n$/ ? 0 : 1) if $ask eq '--running';
if ($ask eq '--stop') {
  my ($pid) = request('/pid') =~ /\n(\d+)\n$/ or exit 0;
  kill 'TERM', $pid;
  for (1 .. 300) {
    exit 0 unless kill 0, $pid;
    select undef, undef, undef, 0.1;
  }
  die "process $pid does not end\n";
}

my $server = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Listen => 128, ReuseAddr => 1)
  or die "cannot listen on $address:$port: $!\n";
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my $self = $$;
while (1) {
  my $client = $server->accept or next;
  next if fork // 0;
  close $server;
  my $request = <$client> // '';
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
  my $body = $request =~ m{^GET /pid } ? "$self\n" : "$ENV{ANSWER} $ENV{NAME}\n";
  print $client "HTTP/1.1 200 OK\r\nContent-Length: ", length $body, "\r\nConnection: close\r\n\r\n", $body;
  exit 0;
}
