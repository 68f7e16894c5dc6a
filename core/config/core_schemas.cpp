// The core's own tables, declared once: what the loader checks, `check --print` prints and
// docs/configuration.md says.
#include <limits>

#include "config/config.hpp"

namespace peerhold {

namespace {

constexpr std::int64_t second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
constexpr std::int64_t kib = 1024, gib = kib * kib * kib;

Schema ready(Schema schema) {
  read_defaults(schema);
  return schema;
}

Option make(OptionType type, const char* name, const char* default_text, const char* help) {
  Option option;
  option.type = type;
  option.name = name;
  option.default_text = default_text;
  option.help = help;
  return option;
}

Option text(const char* name, const char* default_text, const char* help) {
  return make(OptionType::string, name, default_text, help);
}

Option boolean(const char* name, const char* default_text, const char* help) {
  return make(OptionType::boolean, name, default_text, help);
}

Option choice(const char* name, std::vector<std::string> choices, const char* default_text,
              const char* help) {
  Option option = make(OptionType::choice, name, default_text, help);
  option.choices = std::move(choices);
  return option;
}

Option table(const char* name, Schema fields, const char* help) {
  Option option = make(OptionType::table, name, "", help);
  option.fields = std::move(fields);
  return option;
}

Option texts(const char* name, const char* default_text, const char* help) {
  return make(OptionType::list, name, default_text, help);
}

Option ranged(Option option, std::int64_t min, std::int64_t max) {
  option.min = min;
  option.max = max;
  return option;
}

Option or_off(Option option) {
  option.choices = {"off"};
  return option;
}

Option required(Option option) {
  option.required = true;
  return option;
}

Option live(Option option) {
  option.live = true;
  for (Option& field : option.fields) field.live = true;
  return option;
}

const std::vector<std::string> levels = {"error", "warn", "info", "debug", "trace"};

Schema make_keeper() {
  return {
      text("control", "\"/run/peerhold/control.sock\"", "path of the control socket"),
      text("control_group", "\"peerhold\"",
           "members of this group may do everything over the control socket"),
      text("control_read_group", "\"\"",
           "members of this group may look: status, watch, key list, plugins, doctor"),
      texts("plugin_dirs", "[\"" PEERHOLD_PLUGIN_DIR "\"]",
            "directories that are searched for plugins, in order"),
      text("http", "\"\"", "address and port for metrics and the status page; empty: none"),
      boolean("http_allow_remote", "false", "lets http be an address that is not loopback"),
      choice("log_level", levels, "\"info\"", "how much is logged"),
      choice("log_format", {"text", "json", "journal"}, "",
             "form of the log; journal when run by systemd, else text"),
      ranged(make(OptionType::duration, "drain_timeout", "\"30s\"",
                  "how long links of per-client sessions may end by themselves after SIGTERM"),
             0, hour),
      choice("secret_file_mode", {"private", "any"}, "\"private\"",
             "private: a secret file that others can read is refused"),
  };
}

Schema make_retry() {
  return {
      ranged(make(OptionType::duration, "min", "\"1s\"", "the first delay, and the least"), 1, day),
      ranged(make(OptionType::duration, "max", "\"2m\"", "the longest delay"), 1, day),
      ranged(
          make(OptionType::real, "factor", "2.0", "each delay is this many times the one before"),
          1, 100),
      ranged(make(OptionType::real, "jitter", "0.25",
                  "share of the delay by which it is varied at random, both ways"),
             0, 1),
      ranged(make(OptionType::duration, "reset_after", "\"30s\"",
                  "an establishment this long forgets earlier failures"),
             0, day),
      ranged(
          make(OptionType::duration, "connect_timeout", "\"10s\"", "how long one attempt may take"),
          1, hour),
  };
}

Schema make_transport() {
  return {
      or_off(ranged(make(OptionType::integer, "ttl_security_hops", "\"off\"",
                         "GTSM, RFC 5082: sent with TTL 255, accepted from 256 - N"),
                    1, 254)),
      live(ranged(make(OptionType::duration, "user_timeout", "",
                       "how long sent bytes may stay unacknowledged; \"2m\" unless the plugin says "
                       "otherwise"),
                  second, day)),
      live(or_off(ranged(make(OptionType::duration, "keepalive", "",
                              "idle time and interval of 3 TCP keepalive probes; \"30s\" unless "
                              "the plugin says otherwise"),
                         second, 32767 * second))),
      live(ranged(make(OptionType::integer, "dscp", "",
                       "DSCP of sent packets; none unless the plugin says otherwise"),
                  0, 63)),
      text("interface", "\"\"", "device to which the sockets are bound; of a VRF, its device"),
      ranged(make(OptionType::integer, "mss", "", "TCP maximum segment size"), 88, 65495),
      live(text(
          "congestion", "\"auto\"",
          "congestion control; auto: on signed links the first of cubic, reno that may be set")),
      live(ranged(make(OptionType::bytes, "buffer", "\"1MiB\"",
                       "most bytes held for one direction of a link before the sender is paused"),
                  4 * kib, gib)),
      boolean("freebind", "false", "lets addresses be bound that are not there yet"),
  };
}

Schema make_session() {
  return {
      required(text("name", "", "unique name: letters, digits, dot, underscore, hyphen")),
      live(text("description", "\"\"", "any text")),
      live(make(OptionType::map, "labels", "",
                "up to 8 names with text, shown in metrics and JSON")),
      boolean("enabled", "true", "false: the session stays down until this changes"),
      text("template", "", "name of the template whose keys apply below this session's own"),
      required(text("plugin", "", "what the bytes mean: raw, or any plugin found, by its name")),
      choice("mode", {"active", "passive", "both"}, "\"active\"",
             "who opens the TCP connection to the peer"),
      required(text("peer", "", "address and port; passive: an address without port, or a prefix")),
      text("source", "",
           "local address, with port if wanted; what is listened on when passive or both"),
      required(
          text("keychain", "", "name of the key chain; \"none\": the link is not authenticated")),
      choice("link", {"persistent", "per-client"}, "",
             "one link kept up, or a link for each app connection"),
      live(make(OptionType::endpoint, "app", "",
                "where the app is: loopback address and port, or unix:/path")),
      live(choice(
          "app_mode", {"listen", "connect"}, "",
          "listen: the app connects to the keeper; connect: the keeper connects to the app")),
      live(
          texts("app_users", "[]",
                "only these users may connect as the app; empty: anyone who can reach the socket")),
      live(text("app_socket_mode", "\"0660\"", "file mode of a UNIX app socket, octal")),
      live(text("app_socket_group", "\"\"", "group of a UNIX app socket; empty: the keeper's")),
      live(boolean("app_remote", "false", "lets app be an address that is not loopback")),
      live(
          ranged(make(OptionType::integer, "max_dynamic", "100",
                      "persistent with a prefix peer: most peers at a time, each with a session of "
                      "its own; one more is turned away"),
                 1, 65535)),
      boolean("v6only", "false", "a source of [::] does not take IPv4"),
      live(choice("log_level", levels, "",
                  "how much is logged of this session; unset: as [keeper] has it")),
      live(table("retry", make_retry(), "delays between attempts: exponential with jitter")),
      table("transport", make_transport(), "socket options of the link"),
  };
}

Schema make_keychain() {
  Option keys = make(OptionType::tables, "key", "", "the keys, in order");
  keys.fields = {
      required(ranged(make(OptionType::integer, "id", "", "number of the key, unique in its chain"),
                      0, std::numeric_limits<std::uint32_t>::max())),
      text("secret_file", "", "file that holds the secret; relative to this file's directory"),
      text("secret_credential", "", "name of a systemd credential that holds the secret"),
      text("secret", "", "the secret itself, where this file is private"),
      make(OptionType::time, "start", "", "valid from then on, with an offset; unset: since ever"),
      make(OptionType::time, "end", "", "valid until then, with an offset; unset: for ever"),
  };
  return {
      choice("rollover", {"follow", "scheduled", "manual"}, "\"follow\"",
             "follow: by lifetimes and to the key that the peer uses; scheduled: by lifetimes; "
             "manual: by command"),
      ranged(make(OptionType::duration, "accept_tolerance", "\"1h\"",
                  "a peer may be followed to a key this long before its start and after its end"),
             0, 365 * day),
      keys,
  };
}

Schema make_listen() {
  return {
      required(
          make(OptionType::endpoint, "address", "", "address and port on which sessions listen")),
      required(text("prefix", "", "peers for which the kernel holds one key")),
      required(text("keychain", "", "name of the key chain")),
      text("interface", "\"\"", "device of the listener, as the sessions have it"),
  };
}

}  // namespace

const Schema& keeper_schema() {
  static const Schema schema = ready(make_keeper());
  return schema;
}

const Schema& session_schema() {
  static const Schema schema = ready(make_session());
  return schema;
}

const Schema& keychain_schema() {
  static const Schema schema = ready(make_keychain());
  return schema;
}

const Schema& listen_schema() {
  static const Schema schema = ready(make_listen());
  return schema;
}

}  // namespace peerhold
