// Config: a whole configuration as plain values with ==, so that reload is a diff. Holds references
// to secrets (file, credential, or a handle of an inline one), never secrets.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/log.hpp"
#include "base/secret.hpp"
#include "config/schema.hpp"

namespace peerhold {

enum class Mode : std::uint8_t { active, passive, both };
enum class LinkMode : std::uint8_t { persistent, per_client };
enum class AppMode : std::uint8_t { listen, connect };
enum class Rollover : std::uint8_t { follow, scheduled, manual };
std::string_view to_string(Mode);
std::string_view to_string(LinkMode);
std::string_view to_string(AppMode);
std::string_view to_string(Rollover);

struct KeeperConfig {
  std::string control = "/run/peerhold/control.sock";
  std::string control_group = "peerhold", control_read_group;
  std::vector<std::string> plugin_dirs;  // as configured; the command line's come before
  std::string http;
  bool http_allow_remote = false;
  Level log_level = Level::info;
  LogFormat log_format = LogFormat::text;
  bool log_format_given = false;  // `journal` when run by systemd and not given
  Milliseconds drain_timeout{30000};
  bool secret_file_private = true;  // secret_file_mode
  Checked printed;                  // against keeper_schema(), for `check --print`
  bool operator==(const KeeperConfig&) const = default;
};

// Where a secret is. An inline one is moved out of the tree at parse and kept in a store that the
// Config shares; comparing two inline references compares the secrets (Secret::same).
struct SecretRef {
  enum class Kind : std::uint8_t { file, credential, inline_text } kind = Kind::file;
  std::string name;  // path or credential name
  std::shared_ptr<const Secret>
      inline_secret;  // the one shared_ptr of core: a value that copies must keep alive
  Location at;
  bool operator==(const SecretRef&) const;
};

struct KeyConfig {
  std::uint32_t id = 0;
  SecretRef secret;
  std::optional<std::chrono::sys_seconds> start, end;
  Location at;
  bool operator==(const KeyConfig&) const;  // place does not count
};

struct KeyChainConfig {
  std::string name;
  Rollover rollover = Rollover::follow;
  Milliseconds accept_tolerance{3600000};
  std::vector<KeyConfig> keys;
  Location at;
  Checked printed;  // against keychain_schema(), inline secrets as "<secret>"; not part of ==
  bool operator==(const KeyChainConfig&) const;
};

struct RetryConfig {
  Milliseconds min{1000}, max{120000}, reset_after{30000}, connect_timeout{10000};
  double factor = 2.0, jitter = 0.25;
  bool operator==(const RetryConfig&) const = default;
};

// As [session.transport]; the keeper turns it into net's Transport.
struct TransportConfig {
  std::optional<unsigned> ttl_security_hops;
  std::optional<Milliseconds> user_timeout, keepalive;
  bool user_timeout_given = false;  // else a link's plugin may choose; not part of ==
  std::optional<unsigned> dscp;
  std::string interface;
  std::optional<unsigned> mss;
  std::string congestion = "auto";
  std::uint64_t buffer = 1 << 20;
  bool freebind = false;
  bool operator==(const TransportConfig&) const;
};

struct SessionConfig {
  std::string name, description;
  std::map<std::string, std::string> labels;
  bool enabled = true;
  std::string plugin;
  Mode mode = Mode::active;
  Endpoint peer;  // active, both: address:port. passive: address, port 0, unless a prefix
  std::optional<Prefix> peer_prefix;  // dynamic peers; passive only
  Endpoint source;       // unset, address, or address:port (port 0: the plugin's own or any)
  std::string keychain;  // empty: `keychain = "none"`, not authenticated
  LinkMode link = LinkMode::persistent;
  std::optional<Endpoint> app;
  AppMode app_mode = AppMode::listen;
  bool app_shared = false;  // of a child: the app is that of all peers of the prefix
  std::vector<std::string> app_users;
  std::string app_socket_mode = "0660", app_socket_group;
  bool app_remote = false, v6only = false;
  std::uint32_t max_dynamic = 100;  // peers of a persistent prefix session at a time
  std::optional<Level> log_level;
  RetryConfig retry;
  TransportConfig transport;
  Checked options;                         // [session.PLUGIN], checked against the plugin's schema
  const Schema* options_schema = nullptr;  // that schema; the plugin's PluginFacts own it
  Location at;
  std::string template_name;
  bool operator==(const SessionConfig&) const;  // places do not count

  // Every key of the session's table with its effective value and origin, for `check --print`.
  Checked printed;  // against the session schema; not part of ==
};

struct ListenConfig {
  Endpoint address;
  Prefix prefix;
  std::string keychain;
  std::string interface;
  Location at;
  Checked printed;  // against listen_schema(); not part of ==
  bool operator==(const ListenConfig&) const;
};

struct Config {
  KeeperConfig keeper;
  std::vector<KeyChainConfig> keychains;  // in the file's order
  std::vector<SessionConfig> sessions;
  std::vector<ListenConfig> listens;
  std::vector<std::string> files;  // read, in order
};

// What the loader must know of a plugin; the caller takes it from the plugin's descriptor.
struct PluginFacts {
  Schema schema;
  Checked defaults;                           // of a session that gives none of them
  bool persistent = true, per_client = true;  // link modes it can serve
  LinkMode default_link = LinkMode::persistent;
  bool handshake = false;          // says itself when a link is established: may have dynamic peers
  bool app_optional = false;       // may run without an app (bgp; tls passive)
  bool shares_app = false;         // has `pick`: several sessions may name one app listener
  std::uint16_t default_port = 0;  // of a passive source that names none (bgp 179)
  std::optional<unsigned> default_dscp;
  std::optional<Milliseconds> default_user_timeout, default_keepalive;  // unset: 2m and 30s
  bool no_keepalive = false;                                            // bgp: off by default
  // Cross-field checks of the plugin itself; appends diagnostics with the place of the option.
  std::function<void(const SessionConfig&, std::vector<Diagnostic>&)> check;
};

struct LoadRequest {
  std::string path;
  // Finds a plugin by name; the plugin directories of [keeper] are passed on the first call. The
  // error text says what was searched.
  std::function<Result<const PluginFacts*>(const std::string& name, const KeeperConfig&)> plugin;
};

struct Loaded {
  Config config;
  std::vector<Diagnostic> diagnostics;  // sorted by place; errors and warnings
  bool ok() const { return !any_error(diagnostics); }
};

// Reads and checks all that needs no socket and no secret file: syntax, types, ranges, unknown
// keys, references, contradictions between sessions.
Loaded load_config(const LoadRequest&);
// The same from a string, `name` standing for the file (embedding; includes are relative to cwd).
Loaded load_config_text(const std::string& text, const std::string& name, const LoadRequest&);

// `check --print [NAME]`: TOML again, each line with `# origin`; secrets as "<secret>". Loads as
// configuration again (with the secrets put back).
std::string print_config(const Config&, const std::string& only_session = {});

// A UNIX app path of a persistent prefix session, for one of its peers: {name} and {addr} replaced.
std::string expand_app_path(const std::string& path, const std::string& name,
                            const std::string& address);

// The core's own tables, for docs/configuration.md.
const Schema& keeper_schema();
const Schema& session_schema();  // retry and transport as nested tables
const Schema& keychain_schema();
const Schema& listen_schema();

}  // namespace peerhold
