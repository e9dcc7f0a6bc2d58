# Perl's Net::SMTP; what is said to it is in tests/faults/programs.py.

use strict;
use warnings;

use MIME::Base64;
use Net::SMTP;

$| = 1;
$SIG{PIPE} = 'IGNORE';
chomp(my $settings = <STDIN>);
my ($port, $tls, $authority, $seconds, $user, $password) = split /\t/, $settings, -1;
my $smtp;

sub connected {
    my %tls = (SSL_ca_file => $authority, SSL_verifycn_name => '127.0.0.1', SSL_verifycn_scheme => 'smtp');
    my $made = Net::SMTP->new(
        '127.0.0.1',
        Port => $port,
        Hello => 'client.test',
        Timeout => $seconds,
        SSL => $tls eq 'ssl' ? 1 : 0,
        %tls,
    ) or return;
    $made->starttls(%tls) or return if $tls eq 'starttls';
    $made->auth($user, $password) or return if $user;
    return $made;
}

sub deliver {
    my ($sender, $data, @recipients) = @_;
    $smtp //= connected() or return ('failed');
    my $done = 0;
    my @refused;
    if ($smtp->mail($sender)) {
        my %good = map { $_ => 1 } $smtp->recipient(@recipients, { SkipBad => 1 });
        @refused = grep { !$good{$_} } @recipients;
        $done = %good && $smtp->data(decode_base64($data)) ? 1 : 0;
    }
    if (!$done) {
        $smtp->close;
        undef $smtp;
    }
    return ($done ? 'sent' : 'failed', @refused);
}

while (my $line = <STDIN>) {
    chomp $line;
    print join("\t", deliver(split /\t/, $line)), "\n";
}
$smtp->quit if $smtp;
