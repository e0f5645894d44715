# Runs one command after another, as it is told on stdin, and tells on stdout how each went: perl -e '...'
# Told: N bytes of words, each N bytes long: how many words the command has, those, NAME=VALUE ..., its whole stdin.
# Tells, in the engine's own stream format: 2 with its pid, or `absent`, on a first line; 1 and 2 what it writes;
# 3 its exit code, one byte. A command whose teller has gone is killed with all of its process group.
use strict;
use warnings;
use POSIX ();

$SIG{PIPE} = 'IGNORE';

sub told {
    my ($left, $data) = (shift, '');
    while ($left) {
        my $got = sysread(STDIN, $data, $left, length $data) or exit 0;
        $left -= $got;
    }
    return $data;
}

sub tell_back {
    my ($kind, $data) = @_;
    my $frame = pack 'CxxxN/a*', $kind, $data;
    while (length $frame) {
        my $written = syswrite(STDOUT, $frame) or exit 1;
        substr($frame, 0, $written, '');
    }
}

sub is_there {
    my ($program, $path) = @_;
    return grep { -x && !-d _ } $program =~ m{/} ? $program : map { "$_/$program" } split /:/, $path;
}

while (1) {
    my @words = unpack '(N/a*)*', told(unpack 'N', told(4));
    my $number = shift @words;
    my @command = splice @words, 0, $number;
    my $stdin = pop @words;
    my %environment = (%ENV, map { split /=/, $_, 2 } @words);
    if (!is_there($command[0], $environment{PATH} // '')) {
        tell_back(2, "absent\n");
        tell_back(3, chr 127);
        next;
    }

    pipe my $its_in, my $to_it or exit 1;
    pipe my $from_out, my $its_out or exit 1;
    pipe my $from_err, my $its_err or exit 1;
    my $pid = fork // exit 1;
    if (!$pid) {
        POSIX::setsid();
        $SIG{PIPE} = 'DEFAULT';
        open STDIN, '<&', $its_in;
        open STDOUT, '>&', $its_out;
        open STDERR, '>&', $its_err;
        %ENV = %environment;
        exec { $command[0] } @command;
        POSIX::_exit(127);
    }
    close $_ for $its_in, $its_out, $its_err;
    tell_back(2, "$pid\n");

    my $fed = 0;
    my %from = (1 => $from_out, 2 => $from_err);
    my $has_ended = 0;
    while (%from || $to_it) {
        my ($readable, $writable) = ('', '');
        vec($readable, fileno $_, 1) = 1 for \*STDIN, values %from;
        if    ($fed < length $stdin) { vec($writable, fileno $to_it, 1) = 1 }
        elsif ($to_it)               { close $to_it; undef $to_it }
        my $ready = select $readable, $writable, undef, 0.2;
        if (vec $readable, fileno STDIN, 1) { kill KILL => -$pid; exit 1 }
        for my $kind (grep { vec $readable, fileno $from{$_}, 1 } sort keys %from) {
            if (sysread $from{$kind}, my $piece, 65536) { tell_back($kind, $piece) }
            else                                        { delete $from{$kind} }
        }
        if ($to_it && vec $writable, fileno $to_it, 1) {
            # PIPE_BUF: what a pipe that is ready takes without a wait.
            $fed += syswrite($to_it, $stdin, 4096, $fed) // length $stdin;
        }
        # What it left behind may hold its outputs open for ever.
        last if !$ready && ($has_ended = waitpid($pid, POSIX::WNOHANG()) == $pid);
    }
    waitpid $pid, 0 unless $has_ended;
    tell_back(3, chr($? & 127 ? 128 + ($? & 127) : $? >> 8));
}
