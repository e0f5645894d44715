# Tries to reach each "address,port" given, by TCP and by UDP; prints how many were tried, and each that may have got out.
# Only "there is no way to it" counts as closed: a refusal comes from somebody, and silence may be a packet on its way.
# Of the "loopback" a refusal says that it is one's own, and UDP says nothing: there whoever listens by TCP is looked for.
use strict;
use warnings;
use Errno qw(ENETUNREACH ENETDOWN EAFNOSUPPORT EADDRNOTAVAIL ECONNREFUSED);
use Socket qw(PF_INET PF_INET6 SOCK_STREAM SOCK_DGRAM inet_pton pack_sockaddr_in pack_sockaddr_in6);

my %closed = map { $_ => 1 } ENETUNREACH, ENETDOWN, EAFNOSUPPORT, EADDRNOTAVAIL;
my ($tried, @open) = (0);
for my $target (@ARGV) {
    my ($address, $port) = split /,/, $target;
    my $is_loopback = $address eq 'loopback';
    $address = '127.0.0.1' if $is_loopback;
    my $family = $address =~ /:/ ? PF_INET6 : PF_INET;
    my $packed = inet_pton($family, $address) or next;
    my $where = $family == PF_INET ? pack_sockaddr_in($port, $packed) : pack_sockaddr_in6($port, $packed);
    for my $type ($is_loopback ? SOCK_STREAM : (SOCK_STREAM, SOCK_DGRAM)) {
        $tried++;
        my $probe;
        local $SIG{ALRM} = sub { die };
        my $is_closed = eval {
            alarm 2;
            my $reached = socket($probe, $family, $type, 0) && connect($probe, $where);
            my $why = $! + 0;
            alarm 0;
            !$reached && ($closed{$why} || $is_loopback && $why == ECONNREFUSED);
        };
        push @open, $address unless $is_closed;
    }
}
print join("\n", "tried $tried", map { "open $_" } @open), "\n";
