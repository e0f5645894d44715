# Asks the application of this machine for one page, and reads it here; prints STATUS LENGTH FOUND NUMBER, or one word.
# From stdin: port, path, seconds to wait for an answer, kind (ready, contains, number), then the text or the pattern.
use strict;
use warnings;
use Socket;

use constant LONGEST => 1024 * 1024;
my ($port, $path, $wait, $kind, $text) = split /\n/, do { local $/; <STDIN> }, 5;
my $end = time + $wait;
my $last = 'silent';

while (1) {
    my $page = page();
    told($page) if defined $page && ($kind ne 'ready' || $page !~ m{\AHTTP/1\.[01] 5});
    $last = 'failing' if defined $page;
    ended($last) if time >= $end;
    select undef, undef, undef, 0.2;
}

# The answer as it came, undef when nobody answers. Whoever holds the port must be a process of this machine: the
# database's machine shares the loopback, and what a backup brought may run there.
sub page {
    socket(my $way, PF_INET, SOCK_STREAM, 0) or return;
    connect($way, sockaddr_in($port, INADDR_LOOPBACK)) or return;
    if (!own_listener()) { $last = 'foreign'; return }
    syswrite($way, "GET $path HTTP/1.0\r\nHost: localhost:$port\r\nUser-Agent: restore-lab\r\nAccept: text/html\r\n\r\n");
    my $answer = '';
    while (length $answer <= LONGEST) {
        vec(my $ready = '', fileno $way, 1) = 1;
        my $left = $end - time;
        ended('slow') if !select($ready, undef, undef, $left > 1 ? $left : 1);
        last if !sysread($way, $answer, 65536, length $answer);
    }
    return length $answer ? $answer : undef;
}

sub own_listener {
    my %inodes;
    for my $table ('/proc/net/tcp', '/proc/net/tcp6') {
        open my $lines, '<', $table or next;
        while (<$lines>) {
            my @field = split;
            $inodes{$field[9]} = 1 if ($field[3] // '') eq '0A' && $field[1] =~ sprintf ':%04X\z', $port;
        }
    }
    for (glob '/proc/[0-9]*/fd/*') {
        delete $inodes{$1} if (readlink // '') =~ /\Asocket:\[([0-9]+)\]\z/;
    }
    return !%inodes;
}

sub told {
    my ($answer) = @_;
    ended('long') if length $answer > LONGEST;
    ended('strange') if $answer !~ m{\AHTTP/1\.[01] ([1-5][0-9][0-9])[ \r\n]};
    my $status = $1;
    my $body = $answer =~ /\r?\n\r?\n(.*)\z/s ? $1 : '';
    my ($found, $number) = (0, '-');
    if ($kind eq 'contains') { $found = index($body, $text) >= 0 ? 1 : 0 }
    if ($kind eq 'number') {
        my $pattern = eval { qr/$text/ } or ended('pattern');
        $found = 1 if $body =~ $pattern;
        $number = $1 if $found && defined $1 && $1 =~ /\A([0-9]{1,9})\z/;
    }
    ended("$status " . length($body) . " $found $number");
}

sub ended { print "$_[0]\n"; exit 0 }
