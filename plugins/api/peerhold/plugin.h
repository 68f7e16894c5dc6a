/* peerhold/plugin.h - the whole contract between peerhold and a plugin.
 *
 * One shared object = one plugin = one framing layer between a PEER link (a
 * TCP-MD5 connection that the core keeps alive) and any number of APP links
 * (connections of the program on the near side).  A plugin sees the addresses
 * of its own links, never a socket, a key or a libuv type.
 *
 * An INSTANCE serves one peer link at a time.  link = "persistent": one instance
 * per session, living across links.  link = "per-client": one instance per
 * client, created when its first connection is accepted and closed when both
 * sides are down.
 *
 *   check?   when a configuration is read: options that contradict each other
 *   open     -> { on_up -> (on_data | on_eof | on_writable)* -> on_down }*  per link,
 *               links in any order and at the same time; on_timer, on_wake,
 *               status, reload, drain in between  -> close
 *
 * Rules that hold everywhere (the tags [loop] [any] [check] say more):
 *  1 Threads   everything is called on the one loop thread, except [any].
 *  2 Reentry   no host function calls back into the plugin.  Events come later.
 *  3 Time      a callback returns within 5 ms; the host logs who does not.
 *  4 Memory    a pointer argument is valid until the call returns, both ways.
 *              Nobody frees what the other side allocated.  The descriptor and
 *              all it points to, and the host table, stay valid for ever.
 *  5 Errors    negative enum ph_status; words go to host->fail() or ->log().
 *              Another negative number is a breach of the contract, as is an
 *              answer out of its range: it ends the instance.
 *  6 C++       no exception leaves a callback (plugin.hpp does this for you).
 *  7 Growth    structs grow only at the end; struct_size says how much exists.
 *              Enums grow too: an unknown cause is PH_INTERNAL, an unknown
 *              status an error.  What changes its meaning gets a new name.
 *  8 Text      UTF-8, NUL-terminated; the host escapes control characters.
 *  9 Units     milliseconds and bytes; times are monotonic.
 *
 * [1.1], [1.2]: not there in an older peerhold; PH_HOST_HAS asks.
 */
#ifndef PEERHOLD_PLUGIN_H
#define PEERHOLD_PLUGIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define PH_ABI_MAJOR 1 /* also in the symbol name: peerhold_plugin_1 */
#define PH_ABI_MINOR 2 /* informative; struct_size decides */

typedef struct ph_instance ph_instance; /* host's handle, opaque */
typedef struct ph_config ph_config;     /* validated options, opaque */
typedef uint32_t ph_link;               /* never reused within an instance ... */
#define PH_PEER UINT32_C(0)             /* ... but for the peer link; app links are 1, 2, 3 ... */
#define PH_RIVAL UINT32_MAX             /* a second peer link; PH_COLLISION plugins only */

enum ph_status {
  PH_OK = 0,
  PH_EINVAL = -1,  /* caller broke the contract */
  PH_ENOLINK = -2, /* link is down or unknown */
  PH_ENOTSUP = -3, /* not offered here; take the fallback */
  PH_ENOMEM = -4,
  PH_ESTATE = -5,   /* saved state is not mine, damaged, or too new */
  PH_EPROTO = -6,   /* the bytes break the protocol: drop the link */
  PH_ERESTART = -7, /* reload: cannot apply live, reopen me */
  PH_EAGAIN = -8    /* pick(): need more bytes */
};

/* = last_error.code of `peerhold status`, same order; append only */
enum ph_cause {
  PH_CONNECT_REFUSED,
  PH_CONNECT_TIMEOUT,
  PH_UNREACHABLE,
  PH_AUTH_MISMATCH,
  PH_AUTH_MISSING,
  PH_AUTH_UNEXPECTED,
  PH_PEER_CLOSED, /* an orderly end: FINs both ways.  Said of app links as well */
  PH_PEER_RESET,  /* a RST, or an error of the connection.  Said of app links as well */
  PH_HOLD_EXPIRED,
  PH_NOTIFICATION,
  PH_FRAMING,
  PH_APP_UNREACHABLE,
  PH_USER_TIMEOUT,
  PH_ADMIN, /* wanted: by the operator, the configuration, or close() of the plugin itself */
  PH_RESOURCE,
  PH_INTERNAL
};
enum ph_retry {
  PH_RETRY_NORMAL,
  PH_RETRY_SLOW /* a retry cannot cure it: the delay starts at retry.max / 4 */
};
/* Why drain() is called; not sent before a hand-over to a successor. */
enum ph_goodbye {
  PH_BYE_DOWN,   /* `peerhold down` */
  PH_BYE_RESET,  /* `peerhold reset` */
  PH_BYE_CONFIG, /* a reload restarts the session (1.0: or has removed it) */
  PH_BYE_STOP,   /* the keeper stops */
  PH_BYE_REMOVED /* the session is no longer in the configuration, or was forgotten [1.1] */
};
enum ph_log { PH_LOG_ERROR, PH_LOG_WARN, PH_LOG_INFO, PH_LOG_DEBUG, PH_LOG_TRACE };

/* ---- options: declared, so the core parses, checks, prints and documents them --
 *
 * They are the keys of [session.<plugin>].  An option is known by its index in
 * the array it is declared in.  The core refuses what does not fit the
 * declaration; check() sees only values that do. */
enum ph_type {
  PH_BOOL,
  PH_INT, /* may have `choices`, as may the two below: words it takes too (opt_int: -1 - index).
           * The default "\"none\"" without choices: "none" is such a word, -1 */
  PH_DURATION_MS, /* "500ms", "90s", "2m", "1h", "1d"; min and max in ms */
  PH_BYTES,       /* "512B", "64KiB", "4MiB"; min and max in bytes */
  PH_STRING,
  PH_CHOICE,
  PH_LIST,     /* of item_type, which is none of PH_LIST, PH_TABLE, PH_TABLES */
  PH_TABLE,    /* [session.plugin.name] */
  PH_ENDPOINT, /* "192.0.2.1:80", "unix:/path"; checked by the core; may be dialled */
  PH_TABLES    /* [[session.plugin.name]] */
};
enum {
  PH_OPT_REQUIRED = 1,
  PH_OPT_LIVE =
      2 /* may change on reload: reload() is called; a change of another restarts the session */
};
struct ph_option {
  const char *name,
      *help; /* TOML key, [a-z][a-z0-9_]*; one sentence for docs and `peerhold plugins` */
  const char* default_value;  /* TOML literal ("5", "\"90s\"", "true"); NULL: none, see opt_count */
  const char* const* choices; /* NULL-terminated; PH_CHOICE (and numbers) */
  int64_t min, max;           /* inclusive; both 0 = unbounded; INT64_MAX = no upper bound */
  uint32_t type, flags;       /* enum ph_type, PH_OPT_* */
  const struct ph_option* fields; /* PH_TABLE, PH_TABLES; nested at most 4 deep */
  uint32_t n_fields;
  uint32_t item_type; /* PH_LIST */
};

/* Kept by the session, over its instances, and shown in `plugin_status` of its status. */
struct ph_metric {
  const char *name, *help;
  const char* label; /* name of one label of the plugin's own, or NULL; at most 64 values, the rest
                        "other" */
  uint32_t gauge;    /* 0: a counter, what metric() is given is added.  1: a gauge, it replaces */
};

/* ---- values handed over ---------------------------------------------------- */
struct ph_blob {
  const void* data;
  size_t size;
  uint32_t version; /* state_version of the plugin that saved it */
};
struct ph_addr {
  uint8_t family; /* 0 (UNIX, unknown), 4 or 6 */
  uint8_t pad;
  uint16_t port;  /* host byte order */
  uint8_t ip[16]; /* network byte order; 4 bytes used for IPv4, the rest 0 */
};
struct ph_open {
  size_t struct_size;
  const char* session;      /* its name; per-client instances share it */
  uint32_t persistent;      /* booleans, from the session's table; persistent 0 = per-client */
  uint32_t active, passive; /* both may be set */
  uint32_t app_listens; /* app_mode "listen": apps connect to us.  Per-client: active does, passive
                           not */
  uint32_t instances;   /* of this session, this one included; 0 in check() */
  const ph_config* config;     /* valid during the call: read what you need */
  const struct ph_blob* saved; /* NULL when new */
  struct ph_addr source;       /* as configured; family 0: not given, the kernel chooses [1.1] */
  const char* app;             /* as configured; NULL: none [1.1] */
};
enum {
  PH_LINK_OUTGOING = 1, /* we dialled it */
  PH_LINK_RESUMED = 2,  /* outlived a hand-over */
  PH_LINK_PROMOTED = 4, /* was PH_RIVAL */
  PH_LINK_UNDECIDED = 8 /* pick() came to no answer in time: see pick_wait [1.2] */
};
struct ph_link_info {
  size_t struct_size;          /* link_info(): set by the caller */
  const char *endpoint, *text; /* as configured (NULL: accepted); printable remote address */
  struct ph_addr remote, local;
  uint32_t flags;               /* PH_LINK_* */
  uint64_t bytes_in, bytes_out; /* read from it, written to it; spliced bytes included */
  uint64_t unsent;              /* accepted from you, not yet acknowledged */
  uint64_t idle_ms;             /* since the last byte either way */
};
struct ph_down {
  size_t struct_size;
  uint32_t cause;   /* enum ph_cause */
  const char* text; /* in words, never NULL */
  uint64_t unsent;  /* accepted from you (or spliced), never acknowledged: lost */
};
struct ph_drain {
  size_t struct_size;
  uint32_t why;         /* enum ph_goodbye */
  const char* text;     /* the operator's --message, or "" */
  uint32_t deadline_ms; /* what is left then is ended */
};
/* Present values of the session, after each reload as well. [1.1] */
enum ph_setting {
  PH_SET_RETRY_MAX_MS,       /* retry.max */
  PH_SET_RESET_AFTER_MS,     /* retry.reset_after */
  PH_SET_CONNECT_TIMEOUT_MS, /* retry.connect_timeout */
  PH_SET_BUFFER,             /* transport.buffer, bytes */
  PH_SET_ESTABLISHED_AGO_MS, /* since this session was last established on this boot, also under a
                                keeper before this one; 0 while it is.  -1: never, or nobody knows
                              */
  PH_SET_APP_SHARED          /* boolean: the peer is one of a prefix, and all of them have the same
                                app: tell it which peer this is (proxy_v2.h) [1.2] */
};
/* What report() says, for `peerhold status`. [1.1] */
struct ph_report {
  size_t struct_size; /* set by the host, which has zeroed the rest but the two -1 */
  uint32_t degraded;  /* boolean: up, but not as it should be */
  const char* text; /* why, a few words; NULL: none.  Valid until the next call into the instance */
  int64_t hold_left_ms; /* until what is held for an absent app is let go; -1 nothing runs out */
  int64_t held; /* how many routes (or the like) are held for it, shown as "N routes"; -1 none.
                   A dynamic peer's session is not forgotten while this is above 0 */
};
enum ph_command_kind {
  PH_CMD_HOLD,    /* `peerhold hold NAME --for`: once, hold for `ms` when the app leaves */
  PH_CMD_RELEASE, /* `peerhold release NAME`: end a hold now */
  PH_CMD_REFRESH  /* `peerhold reset --soft NAME`: both ways, without a flap */
};
/* An operator's word. [1.1] */
struct ph_command {
  size_t struct_size;
  uint32_t what;     /* enum ph_command_kind; PH_ENOTSUP for one you do not know */
  int64_t ms;        /* PH_CMD_HOLD: for how long */
  char* reply;       /* "" at first; a text for the operator, of a refusal too, NUL-terminated */
  size_t reply_size; /* its room, the NUL included; at least 256 */
};
enum { PH_DIAL_RETRY = 1 /* by session.retry until up or closed */ };
enum {
  PH_SPLICE_EOF = 1 /* FINs pass too, on_eof is not called, and when both have passed both links
                       end. Without it the first EOF ends the splice and comes as on_eof */
};

/* ---- what the core offers --------------------------------------------------
 *
 * One table for all instances; every function takes the handle given to open().
 * int: PH_OK or a negative ph_status.  PH_EINVAL for a link that never was or
 * for nonsense, PH_ENOLINK for one that is not up (any more). */
struct ph_host {
  size_t struct_size;
  uint32_t abi_major, abi_minor;

  /* Bytes accepted, 0..n, or ph_status.  Fewer than n: in on_data just return
   * that number.  PH_PEER always exists: while it is down the answer is 0. [loop] */
  ptrdiff_t (*send)(ph_instance*, ph_link, const void* data, size_t n);
  /* All or nothing: n, 0, or ph_status.  After 0 on_writable follows. */
  ptrdiff_t (*send_whole)(ph_instance*, ph_link, const void* data, size_t n);
  /* Half close, after queued bytes; nothing can be sent on it any more. */
  int (*send_eof)(ph_instance*, ph_link);
  /* Ends a link; on_down follows, later.  false: queued bytes go out, then FIN; what it
   * sends meanwhile is dropped.  true: a reset, at once.  Not yet up: given up. */
  int (*close)(ph_instance*, ph_link, bool abort);
  /* true: no on_data for this link.  false also offers held input again. */
  int (*read_pause)(ph_instance*, ph_link, bool pause);
  /* An app link to a PH_ENDPOINT of this configuration (NULL: session.app);
   * on_up or on_down follows.  `flags`: PH_DIAL_*.  For PH_DIALS_APP plugins. */
  int (*dial)(ph_instance*, const char* endpoint, uint32_t flags, ph_link* out);
  /* The kernel moves bytes between a and b, both ways, until an end or unsplice; held and
   * queued bytes go first.  No on_data while it lasts.  Both must be up.
   * PH_ENOTSUP: keep using send; bytes and callbacks are the same. */
  int (*splice)(ph_instance*, ph_link a, ph_link b, uint32_t flags);
  int (*unsplice)(ph_instance*, ph_link a, ph_link b); /* on_writable(a) when it is done */

  /* PH_HANDSHAKE: the peer is up in the sense of the protocol; once a link. */
  void (*established)(ph_instance*);
  /* Ends the peer link for that reason: what is queued goes out, then FIN; on_down follows.
   * In open(): the reason why it refuses.  Without a peer link: only noted as last_error. */
  void (*fail)(ph_instance*, enum ph_cause, enum ph_retry, const char* text);
  /* false: close, stop dialling, unlisten.  true also asks, see PH_ASKS_FOR_PEER. */
  int (*want_peer)(ph_instance*, bool);
  /* Fills as much of *out as out->struct_size says; strings valid until the callback returns. */
  int (*link_info)(ph_instance*, ph_link, struct ph_link_info* out);
  uint64_t (*now_ms)(ph_instance*); /* monotonic */
  int (*timer)(ph_instance*, uint32_t id,
               int64_t ms); /* id < 16; < 0 stops; one shot; set again: moved */
  void (*log)(ph_instance*, enum ph_log,
              const char* text); /* [any] one line, the session is named by the host */
  void (*event)(ph_instance*, const char* text); /* for `peerhold watch` */
  /* `index` in ph_plugin.metrics; `label` the label's value, NULL without one. */
  void (*metric)(ph_instance*, uint32_t index, const char* label, int64_t v);
  void (*wake)(ph_instance*); /* [any] on_wake follows on the loop, once for any number of wakes */

  /* ---- options; an index that is none, or of another type: 0 or NULL [loop] [check].
   * complain() about an index that is none is about the whole table. */
  void (*complain)(const ph_config*, uint32_t option,
                   const char* text);                    /* [check] as often as needed */
  int64_t (*opt_int)(const ph_config*, uint32_t option); /* bool, int, ms, bytes, choice index */
  const char* (*opt_str)(const ph_config*,
                         uint32_t option); /* as written; NULL: not given, no default */
  /* List: its items.  Table, tables: how many.  Any other: 1, or 0 when it is not given and has no
   * default. */
  size_t (*opt_count)(const ph_config*, uint32_t option);
  const char* (*opt_item)(const ph_config*, uint32_t option, size_t i);       /* PH_LIST, as text */
  const ph_config* (*opt_table)(const ph_config*, uint32_t option, size_t i); /* PH_TABLE(S) */

  /* ---- [1.1] */
  /* Most bytes queued for that link, instead of transport.buffer (0: that again); kept over a
   * reload, until the link ends.  It must be up. [loop] */
  int (*buffer)(ph_instance*, ph_link, uint64_t bytes);
  /* TCP_USER_TIMEOUT of PH_PEER or PH_RIVAL, for as long as the link lives, unless
   * transport.user_timeout is configured; < 0: the default again. [loop] */
  int (*user_timeout)(ph_instance*, ph_link, int64_t ms);
  int64_t (*setting)(ph_instance*, enum ph_setting); /* -1: one that is not known here. [loop] */
  /* As complain(), for what may be meant but is seldom wise: `check` passes. [check] */
  void (*warn)(const ph_config*, uint32_t option, const char* text);

  /* ---- [1.2] */
  /* As log(), for what others can cause as often as they like: the 1st, 2nd, 4th, 8th ... time of
   * that `kind` (< 16, the plugin's own numbers) in the session and once an hour, with the count;
   * else at `debug`. [loop] */
  void (*log_repeated)(ph_instance*, enum ph_log, uint32_t kind, const char* text);
  /* new members go here */
};
#define PH_HOST_HAS(h, fn) \
  ((h)->struct_size >= offsetof(struct ph_host, fn) + sizeof((h)->fn) && (h)->fn)

/* ---- what a plugin is ------------------------------------------------------ */
enum {
  PH_PERSISTENT = 1, /* link modes it can serve: at least one of the two; with both, per-client is
                        the default */
  PH_PER_CLIENT = 2,
  PH_HANDSHAKE = 4,     /* stays `opening` until host->established() */
  PH_COLLISION = 8,     /* is shown PH_RIVAL and closes the loser itself */
  PH_DIALS_APP = 16,    /* dials its app links itself; without it the core dials or accepts `app` */
  PH_APP_OPTIONAL = 32, /* `app` may be left out */
  PH_OWN_KEEPALIVES = 64, /* the protocol has its own: TCP keepalive is off unless configured */
  PH_ASKS_FOR_PEER = 128  /* per-client, active: the peer is dialled for a client when the instance
                             says want_peer(true), not as soon as the client is there [1.2] */
};
struct ph_plugin {
  size_t struct_size, option_size, metric_size; /* PH_PLUGIN_INIT */
  uint32_t abi_major, abi_minor;
  const char* name; /* = the file's name without .so; [A-Za-z0-9][A-Za-z0-9_-]{0,30}, no key of
                       [[session]] */
  const char *version, *summary, *licence; /* for people, never NULL */
  const struct ph_option* options;
  uint32_t n_options;
  const struct ph_metric* metrics;
  uint32_t n_metrics;
  uint32_t flags;         /* PH_PERSISTENT ... */
  uint32_t state_version; /* of what save() writes */
  uint32_t max_frame; /* largest unit that on_data must see whole; 0 = any, holding back is never a
                         breach */
  uint32_t default_port; /* of a passive `source` that names none; 0 = it must name one */

  /* Only open, close and on_data are required.  NULL = do nothing.  `self` is what open() put
   * there. */

  /* Cross-field checks, told by host->complain; no side effects.  May be called without any
   * session running.  An error without a complaint is reported as such. [check] */
  int (*check)(const struct ph_host*, const struct ph_open*);
  /* Negative refuses: a per-client's connection is reset, a persistent session fails.  After that
   * no close(). */
  int (*open)(const struct ph_host*, ph_instance*, const struct ph_open*, void** self);
  void (*close)(void* self); /* last call; links are gone; join your threads here */
  /* Options marked PH_OPT_LIVE have changed.  PH_ERESTART (NULL: always) restarts the session. */
  int (*reload)(void* self, const ph_config*);
  /* Say goodbye to the peer; done when PH_PEER is closed.  NULL: queued bytes, then FIN. */
  int (*drain)(void* self, const struct ph_drain*);

  int (*on_up)(void* self, ph_link, const struct ph_link_info*); /* negative: the link is dropped */
  /* Returns bytes consumed, 0..n, or ph_status (the link is dropped).  What is not
   * consumed stays with the core and is offered again, once, when (a) more has
   * arrived, (b) a link whose send fell short in this callback has room, (c) a link
   * of this instance came up, (d) read_pause(link, false) was called; never
   * otherwise.  0 with n >= max_frame, no short send and no pause breaks the contract. */
  ptrdiff_t (*on_data)(void* self, ph_link, const uint8_t* data, size_t n);
  /* Its FIN; once, after the last byte was consumed or offered.  Held input is offered on.
   * NULL: the link ends. */
  void (*on_eof)(void* self, ph_link);
  void (*on_writable)(void* self,
                      ph_link); /* room again after a send or send_whole that fell short */
  /* Always last for that link; also of one that never came up, when it was dialled by dial() or,
   * per-client, by the core. */
  void (*on_down)(void* self, ph_link, const struct ph_down*);
  void (*on_timer)(void* self, uint32_t id);
  void (*on_wake)(void* self);

  /* State for a successor: stream bytes, queues and timers are the core's to save.
   * Both return the size needed, even when `cap` is smaller (then nothing need be written),
   * or a negative ph_status; they are called again with more room. */
  ptrdiff_t (*save)(void* self, void* buf, size_t cap);
  ptrdiff_t (*status)(void* self, char* buf,
                      size_t cap); /* one JSON object, no NUL; made when asked for */

  /* Several sessions on one app listener: whose connection is this?  Pure; `host` offers the
   * functions that read options.  Index, PH_EAGAIN, or a negative status with up to 64 bytes
   * of reply, which are sent before the connection is closed. */
  int (*pick)(const struct ph_host* host, const ph_config* const* sessions, size_t n,
              const uint8_t* data, size_t len, uint8_t reply[64], size_t* reply_len);
  uint32_t default_dscp; /* of the peer link when transport.dscp is not given; 0..63, 0 = unset */

  /* ---- [1.1] */
  /* Pulled when a status is asked for, as status() is.  An error: nothing to say. */
  int (*report)(void* self, struct ph_report* out);
  /* An operator's word.  PH_OK: done.  PH_ENOTSUP (NULL: always): there is no such thing here.  Any
   * other ph_status: refused, `reply` says why. */
  int (*command)(void* self, const struct ph_command*);

  /* ---- [1.2] */
  /* For how many ms pick() may ask for more bytes of one connection.  One that is undecided then
   * goes to the first session, with PH_LINK_UNDECIDED, and one that has sent its last byte goes
   * there as it is: so that they can be counted and told why.  NULL: both are closed, the one after
   * connect_timeout of the first session. */
  int64_t (*pick_wait)(const struct ph_host* host, const ph_config* const* sessions, size_t n);
  /* new members go here */
};
#define PH_PLUGIN_INIT                                                              \
  .struct_size = sizeof(struct ph_plugin), .option_size = sizeof(struct ph_option), \
  .metric_size = sizeof(struct ph_metric), .abi_major = PH_ABI_MAJOR, .abi_minor = PH_ABI_MINOR
#define PH_EXPORT extern __attribute__((visibility("default")))
PH_EXPORT const struct ph_plugin peerhold_plugin_1; /* the one symbol */

#ifdef __cplusplus
}
#endif
#endif
