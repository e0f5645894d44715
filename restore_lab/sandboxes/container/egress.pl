# Tries to reach each address given, by TCP and by UDP; prints how many were tried, and each that did not fail at once.
# Only "there is no way to it" counts as closed: a refusal comes from somebody, and silence may be a packet on its way.
use strict;
use warnings;
use Errno qw(ENETUNREACH ENETDOWN EAFNOSUPPORT EADDRNOTAVAIL);
use Socket qw(PF_INET PF_INET6 SOCK_STREAM SOCK_DGRAM inet_pton pack_sockaddr_in pack_sockaddr_in6);

my %closed = map { $_ => 1 } ENETUNREACH, ENETDOWN, EAFNOSUPPORT, EADDRNOTAVAIL;
my ($tried, @open) = (0);
for my $address (@ARGV) {
    my $family = $address =~ /:/ ? PF_INET6 : PF_INET;
    my $packed = inet_pton($family, $address) or next;
    my $where = $family == PF_INET ? pack_sockaddr_in(53, $packed) : pack_sockaddr_in6(53, $packed);
    for my $type (SOCK_STREAM, SOCK_DGRAM) {
        $tried++;
        my $probe;
        local $SIG{ALRM} = sub { die };
        my $is_closed = eval {
            alarm 2;
            my $reached = socket($probe, $family, $type, 0) && connect($probe, $where);
            my $why = $! + 0;
            alarm 0;
            !$reached && $closed{$why};
        };
        push @open, $address unless $is_closed;
    }
}
print join("\n", "tried $tried", map { "open $_" } @open), "\n";
