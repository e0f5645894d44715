# Passes bytes between 127.0.0.1:PORT and a server's socket in this machine: perl -e '...' PORT SOCKET
use strict;
use warnings;
use Socket;

my ($port, $path) = @ARGV;
$SIG{CHLD} = 'IGNORE';
socket(my $listening, PF_INET, SOCK_STREAM, 0) or die "socket\n";
setsockopt($listening, SOL_SOCKET, SO_REUSEADDR, 1);
bind($listening, sockaddr_in($port, INADDR_LOOPBACK)) or die "bind\n";
listen($listening, 64) or die "listen\n";

while (1) {
    accept(my $client, $listening) or next;
    if (!defined(my $child = fork)) { close $client; next }
    elsif ($child) { close $client; next }
    close $listening;
    socket(my $server, PF_UNIX, SOCK_STREAM, 0) or exit 1;
    connect($server, sockaddr_un($path)) or exit 1;
    my $other = fork;
    exit 1 unless defined $other;
    my ($from, $to) = $other ? ($client, $server) : ($server, $client);
    while (sysread($from, my $piece, 65536)) {
        for (my $done = 0; $done < length $piece;) {
            my $written = syswrite($to, $piece, length($piece) - $done, $done);
            exit 0 unless defined $written;
            $done += $written;
        }
    }
    shutdown($to, 1);
    exit 0;
}
