/* Client, network, server, ledger and crash: what is said of a mail, and what the server has of it.
 *
 * Three messages of two recipients each, a window of two. The client and everything that it knows may end at any moment,
 * once; what is in the ledger stays, and a second client goes on from there. The first recipient may be refused for a
 * while, the second for good. The connection may end at any moment,
 * with what is on its way lost or not. The server answers each recipient (yes, later, no) and each message.
 *
 * What has to hold is at the end of this file, in `judge`. Each MUTANT_… takes one rule away; `make model` shows that the
 * judge then finds a fault.
 */
#define MESSAGES 3
#define RECIPIENTS 2
#define WINDOW 2
#define ROW(m, r) ((m) * RECIPIENTS + (r))

mtype = { waiting, claimed, committed, sent, not_sent, partly, unknown };
mtype = { open_, yes, later, refused };

/* the ledger: on the disk */
mtype state[MESSAGES] = waiting;
mtype told[MESSAGES * RECIPIENTS] = open_;   /* yes: accepted; later: refused for a while; refused: for good; open_: nothing is known */

/* the server's mailbox: how often each recipient has each message */
byte has[MESSAGES * RECIPIENTS];

/* one connection: what the client wrote and the server has not read, and the answers on their way back.
 * A message is its number; its recipients are those that were not told `yes` or `refused` when it was written. */
chan to_server = [WINDOW] of { byte, bool, bool, byte };   /* message, for whom, on which connection */
chan to_client = [WINDOW] of { byte, mtype, mtype, bool };   /* and its answers */
bool is_connected;
byte which;                                   /* the connection's number: an answer does not travel on another one */
bool has_crashed;
bool is_over;
byte tries[MESSAGES];

inline settle_after_crash() {
    byte i = 0;
    do
    :: i < MESSAGES ->
        if
#ifdef MUTANT_COMMITTED_WAITS
        :: state[i] == committed -> state[i] = waiting
#else
        :: state[i] == committed -> state[i] = unknown
#endif
        :: state[i] == claimed -> state[i] = waiting
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* What the client makes of an answer, or of the connection's end (is_answered false). */
inline conclude(m, a, b, is_good, is_answered) {
    if
    :: !is_answered ->
#ifdef MUTANT_LOST_IS_NOT_SENT
        state[m] = not_sent
#else
        state[m] = unknown
#endif
    :: is_answered && !is_good ->                 /* the server refused the message: nobody has it by this try */
        if
        :: told[ROW(m, 0)] == yes || told[ROW(m, 1)] == yes -> state[m] = partly
        :: else -> state[m] = not_sent
        fi
    :: is_answered && is_good ->
        if
        :: a != open_ -> told[ROW(m, 0)] = a
        :: else
        fi;
        if
        :: b != open_ -> told[ROW(m, 1)] = b
        :: else
        fi;
        if
#ifdef MUTANT_ONE_IS_ENOUGH
        :: told[ROW(m, 0)] == yes || told[ROW(m, 1)] == yes -> state[m] = sent
#else
        :: told[ROW(m, 0)] == yes && told[ROW(m, 1)] == yes -> state[m] = sent
        :: (told[ROW(m, 0)] == yes) != (told[ROW(m, 1)] == yes) -> state[m] = partly
#endif
        :: else -> state[m] = not_sent
        fi
    fi;
    /* Only what certainly was not sent is tried again, once here. */
    if
    :: (state[m] == not_sent || state[m] == partly) && tries[m] == 0 &&
       (told[ROW(m, 0)] == later || told[ROW(m, 1)] == later ||
        told[ROW(m, 0)] == open_ || told[ROW(m, 1)] == open_) ->
        tries[m] = 1;
        state[m] = waiting
    :: else
    fi
}

proctype client() {
    byte m, n;
    byte in_flight;
    mtype a, b;
    bool good;
    do
    :: atomic { has_crashed && !is_over -> break }   /* kill -9: nothing of this process is left */
    :: atomic { !has_crashed && !is_connected && in_flight == 0 -> is_connected = true; which++ }
    /* A connection that ended: what was in flight is settled without an answer. */
    :: atomic {
        !has_crashed && !is_connected && in_flight > 0 ->
        n = 0;
        do
        :: n < MESSAGES ->
            if
            :: state[n] == committed -> conclude(n, open_, open_, false, false)
            :: else
            fi;
            n++
        :: else -> break
        od;
        n = 0;
        in_flight = 0
       }
    :: atomic { !has_crashed && in_flight < WINDOW && is_connected ->
        m = 0;
        do
        :: m < MESSAGES && state[m] != waiting -> m++
        :: else -> break
        od;
        if
        :: m < MESSAGES -> state[m] = claimed
        :: else -> m = 0; goto answers
        fi
       };
       /* On the disk before the octets leave. A crash may come between any two of these steps. */
#ifdef MUTANT_SEND_BEFORE_COMMIT
       atomic {
        if
        :: has_crashed || !is_connected
        :: else -> to_server ! m, (told[ROW(m, 0)] != yes && told[ROW(m, 0)] != refused),
                                   (told[ROW(m, 1)] != yes && told[ROW(m, 1)] != refused), which
        fi
       };
       atomic { if :: !has_crashed && state[m] == claimed -> state[m] = committed; in_flight++; m = 0 :: else -> skip fi }
#else
       atomic {
        if
        :: !has_crashed && state[m] == claimed -> state[m] = committed; in_flight++
        :: else -> skip
        fi
       };
       atomic {
        if
        :: has_crashed || !is_connected || state[m] != committed -> skip
        :: else ->
#ifdef MUTANT_EVERYBODY_AGAIN
           to_server ! m, true, true, which
#else
           to_server ! m, (told[ROW(m, 0)] != yes && told[ROW(m, 0)] != refused),
                          (told[ROW(m, 1)] != yes && told[ROW(m, 1)] != refused), which
#endif
        fi;
        m = 0
       }
#endif
    :: atomic { !has_crashed && is_connected && nempty(to_client) ->
        to_client ? m, a, b, good;
        conclude(m, a, b, good, true);
        in_flight--;
        m = 0; a = open_; b = open_; good = false
       }
    :: atomic { !has_crashed && in_flight == 0 &&
        state[0] != waiting && state[1] != waiting && state[2] != waiting ->
        is_over = true;          /* nothing is left that a crash could meet */
        break }
answers: skip
    od;
    if
    :: has_crashed -> atomic {
        settle_after_crash();
        is_connected = false;
        do :: to_client ? _, _, _, _ :: empty(to_client) -> break od;
        has_crashed = false;
        is_over = true;          /* one crash is enough; the next client sees it through */
        run client()
       }
    :: else -> skip
    fi
}

proctype server() {
    byte m;
    bool first, second, good;
    byte on;
    mtype a, b;
end:
    do
    :: atomic { to_server ? m, first, second, on ->
        a = open_; b = open_;
        if
        :: first -> if :: a = yes :: a = later fi
        :: else
        fi;
        if
        :: second -> if :: b = yes :: b = refused fi
        :: else
        fi;
        if
        :: a == yes || b == yes -> if :: good = true :: good = false fi
        :: else -> good = true       /* nobody is left who could have it: the end is not reached */
        fi;
        if
        :: good && a == yes -> has[ROW(m, 0)]++
        :: else
        fi;
        if
        :: good && b == yes -> has[ROW(m, 1)]++
        :: else
        fi;
        /* The answer leaves, unless the connection that it belongs to has ended. */
        if
        :: is_connected && on == which -> to_client ! m, a, b, good
        :: !(is_connected && on == which) -> skip
        fi;
        m = 0; first = false; second = false; good = false; on = 0; a = open_; b = open_
       }
    od
}

/* The connection ends with everything on it, once. */
proctype network() {
end:
    atomic {
        is_connected ->
        is_connected = false;
        if
        :: do :: to_server ? _, _, _, _ :: empty(to_server) -> break od
        :: skip                       /* the server had it already */
        fi;
        do :: to_client ? _, _, _, _ :: empty(to_client) -> break od
    }
}

proctype crash() {
end:
    atomic { !is_over -> has_crashed = true }
}

#define FINAL(m) (state[m] == sent || state[m] == not_sent || state[m] == partly || state[m] == unknown)

proctype judge() {
    byte i = 0, r;
    /* nothing is left to be done by anybody */
    (FINAL(0) && FINAL(1) && FINAL(2) && empty(to_server) && !has_crashed);
    atomic {
        do
        :: i < MESSAGES ->
            r = 0;
            do
            :: r < RECIPIENTS ->
                assert(has[ROW(i, r)] <= 1);                                      /* nothing doubled */
                assert(state[i] != sent || has[ROW(i, r)] == 1);                 /* no false sent */
                assert(state[i] != not_sent || has[ROW(i, r)] == 0);             /* no false not sent */
                assert(state[i] != partly || told[ROW(i, r)] == yes || has[ROW(i, r)] == 0);
                assert(told[ROW(i, r)] != yes || has[ROW(i, r)] == 1);
                r++
            :: else -> break
            od;
            i++
        :: else -> break
        od
    }
}

#ifdef REPLAY
/* What happened, as data: `pan` reads it from the file that TRACE names, so one compiled model replays every trace. For
 * each message eight numbers: were the octets that complete it written; has the server accepted it for each recipient;
 * was it answered; what was said to each recipient (0: nothing, 1: yes, 2: later, 3: no); was the message accepted; and
 * what the program said became of it (1: sent, 2: partly sent, 3: not sent, 4: unknown). */
#define FACTS 8
byte happened[MESSAGES * FACTS];
#define FACT(m, n) happened[(m) * FACTS + (n)]

c_decl {
\#include <stdio.h>
\#include <stdlib.h>
}

inline said(n, answer) {
    if
    :: n == 0 -> answer = open_
    :: n == 1 -> answer = yes
    :: n == 2 -> answer = later
    :: n == 3 -> answer = refused
    fi
}

proctype replay() {
    byte m;
    mtype a, b;
    atomic {
        c_code {
            FILE *file = fopen(getenv("TRACE"), "r");
            int n, value;
            for (n = 0; n < 3 * 8; n++) {
                if (file == NULL || fscanf(file, "%d", &value) != 1) {
                    printf("TRACE is no trace\n");
                    exit(3);
                }
                now.happened[n] = (unsigned char) value;
            }
            fclose(file);
        };
        do
        :: m < MESSAGES ->
            tries[m] = 1;                                     /* what is tried again is a trace of its own */
            state[m] = claimed;
            if
            :: FACT(m, 0) -> state[m] = committed
            :: else
            fi;
            /* The server can only have what left, and only what is committed leaves. */
            assert(!(FACT(m, 1) || FACT(m, 2)) || state[m] == committed);
            has[ROW(m, 0)] = FACT(m, 1);
            has[ROW(m, 1)] = FACT(m, 2);
            said(FACT(m, 4), a);
            said(FACT(m, 5), b);
            if
            :: state[m] == committed && FACT(m, 3) -> conclude(m, a, b, FACT(m, 6), true)
            :: state[m] == committed && !FACT(m, 3) -> conclude(m, open_, open_, false, false)
            :: else -> state[m] = not_sent
            fi;
            assert(FACT(m, 7) != 1 || state[m] == sent);      /* the program said the same as the model */
            assert(FACT(m, 7) != 2 || state[m] == partly);
            assert(FACT(m, 7) != 3 || state[m] == not_sent);
            assert(FACT(m, 7) != 4 || state[m] == unknown);
            m++
        :: else -> break
        od
    }
    run judge()
}

init { run replay() }
#else
init {
    atomic {
        run client();
        run server();
        run network();
        run crash();
        run judge()
    }
}
#endif
