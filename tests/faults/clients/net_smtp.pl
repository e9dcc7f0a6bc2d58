# Perl's Net::SMTP; the dialogue is that of node/client.js.

use strict;
use warnings;

use JSON::PP;
use MIME::Base64;
use Net::SMTP;

$| = 1;
$SIG{PIPE} = 'IGNORE';
my $settings = decode_json(scalar <STDIN>);
my $smtp;

sub connected {
    my %tls = (SSL_ca_file => $settings->{ca}, SSL_verifycn_name => '127.0.0.1', SSL_verifycn_scheme => 'smtp');
    my $made = Net::SMTP->new(
        '127.0.0.1',
        Port => $settings->{port},
        Hello => 'client.test',
        Timeout => $settings->{timeout},
        SSL => $settings->{tls} eq 'ssl' ? 1 : 0,
        %tls,
    ) or return;
    $made->starttls(%tls) or return if $settings->{tls} eq 'starttls';
    $made->auth($settings->{user}, $settings->{password}) or return if $settings->{user};
    return $made;
}

sub deliver {
    my ($mail) = @_;
    $smtp //= connected() or return { sent => JSON::PP::false, refused => [] };
    my $done = 0;
    my @refused;
    if ($smtp->mail($mail->{from})) {
        my %good = map { $_ => 1 } $smtp->recipient(@{ $mail->{to} }, { SkipBad => 1 });
        @refused = grep { !$good{$_} } @{ $mail->{to} };
        $done = %good && $smtp->data(decode_base64($mail->{data})) ? 1 : 0;
    }
    if (!$done) {
        $smtp->close;
        undef $smtp;
    }
    return { sent => $done ? JSON::PP::true : JSON::PP::false, refused => \@refused };
}

while (my $line = <STDIN>) {
    print encode_json(deliver(decode_json($line))), "\n";
}
$smtp->quit if $smtp;
