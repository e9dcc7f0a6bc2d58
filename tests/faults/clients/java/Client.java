// Jakarta Mail; what is said to it is in tests/faults/programs.py.

import jakarta.mail.Address;
import jakarta.mail.MessagingException;
import jakarta.mail.SendFailedException;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeMessage;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.Properties;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
    private final Session session;
    private final Transport transport;
    private final String[] settings;

    Client(String[] settings) throws Exception {
        this.settings = settings;
        String protocol = settings[1].equals("ssl") ? "smtps" : "smtp";
        String milliseconds = Long.toString((long) (Double.parseDouble(settings[3]) * 1000));
        Properties properties = new Properties();
        properties.put("mail." + protocol + ".connectiontimeout", milliseconds);
        properties.put("mail." + protocol + ".timeout", milliseconds);
        properties.put("mail." + protocol + ".writetimeout", milliseconds);
        properties.put("mail." + protocol + ".localhost", "client.test");
        properties.put("mail." + protocol + ".sendpartial", "true");
        properties.put("mail." + protocol + ".ssl.socketFactory", trusting(settings[2]).getSocketFactory());
        properties.put("mail." + protocol + ".ssl.checkserveridentity", "true");
        if (settings[1].equals("starttls")) {
            properties.put("mail.smtp.starttls.enable", "true");
            properties.put("mail.smtp.starttls.required", "true");
        }
        if (!settings[4].isEmpty()) properties.put("mail." + protocol + ".auth", "true");
        session = Session.getInstance(properties);
        transport = session.getTransport(protocol);
    }

    private static SSLContext trusting(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(authority)) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    private String send(String[] mail) throws Exception {
        byte[] data = Base64.getDecoder().decode(mail[1]);
        Address[] recipients = new Address[mail.length - 2];
        for (int i = 2; i < mail.length; i++) recipients[i - 2] = new InternetAddress(mail[i]);
        MimeMessage message = new MimeMessage(session, new ByteArrayInputStream(data)) {
            @Override
            public Address[] getFrom() {
                return sender(mail[0]);
            }
        };
        try {
            if (!transport.isConnected()) {
                String user = settings[4].isEmpty() ? null : settings[4];
                transport.connect("localhost", Integer.parseInt(settings[0]), user, user == null ? null : settings[5]);
            }
            transport.sendMessage(message, recipients);
            return "sent";
        } catch (SendFailedException failure) {
            boolean some = failure.getValidSentAddresses() != null && failure.getValidSentAddresses().length > 0;
            StringBuilder told = new StringBuilder(some ? "sent" : "failed");
            for (Address[] addresses : new Address[][] {failure.getInvalidAddresses(), failure.getValidUnsentAddresses()}) {
                if (addresses != null) for (Address address : addresses) told.append('\t').append(address);
            }
            return told.toString();
        } catch (MessagingException failure) {
            try {
                transport.close();
            } catch (MessagingException ignored) {
                // It was broken anyway.
            }
            return "failed";
        }
    }

    private static Address[] sender(String address) {
        try {
            return new Address[] {new InternetAddress(address)};
        } catch (MessagingException impossible) {
            throw new IllegalArgumentException(impossible);
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        Client client = new Client(in.readLine().split("\t", -1));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(client.send(line.split("\t")));
            System.out.flush();
        }
        client.transport.close();
    }
}
