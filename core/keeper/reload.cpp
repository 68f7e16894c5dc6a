// diff(): pure; called by Keeper::reload and by its dry run. Contract §6, "Reload takes live".
#include "keeper/reload.hpp"

#include <algorithm>
#include <tuple>

namespace peerhold {
namespace {

class Comparison {
 public:
  template <class T>
  void live(const char* key, const T& a, const T& b) {
    if (!(a == b)) keys_.emplace_back(key);
  }
  template <class T>
  void restart(const char* key, const T& a, const T& b) {
    if (a == b) return;
    keys_.emplace_back(key);
    restart_ = true;
  }
  void changed(std::string key, bool live) {
    keys_.push_back(std::move(key));
    restart_ = restart_ || !live;
  }
  ReloadAction action(const std::string& session) && {
    using What = ReloadAction::What;
    const What what = keys_.empty() ? What::keep : restart_ ? What::restart : What::live;
    return {what, session, std::move(keys_)};
  }

 private:
  std::vector<std::string> keys_;
  bool restart_ = false;
};

void compare_transport(const TransportConfig& a, const TransportConfig& b, Comparison& out) {
  // A looser bound, or none, may be set on a live link; a stricter one could cut it off.
  const unsigned old_hops = a.ttl_security_hops.value_or(256),
                 hops = b.ttl_security_hops.value_or(256);
  if (old_hops != hops) out.changed("transport.ttl_security_hops", hops > old_hops);
  out.live("transport.user_timeout", std::tie(a.user_timeout, a.user_timeout_given),
           std::tie(b.user_timeout, b.user_timeout_given));
  out.live("transport.keepalive", a.keepalive, b.keepalive);
  out.live("transport.dscp", a.dscp, b.dscp);
  out.restart("transport.interface", a.interface, b.interface);
  out.restart("transport.mss", a.mss, b.mss);
  out.live("transport.congestion", a.congestion, b.congestion);
  out.live("transport.buffer", a.buffer, b.buffer);
  out.restart("transport.freebind", a.freebind, b.freebind);
}

void compare_retry(const RetryConfig& a, const RetryConfig& b, Comparison& out) {
  out.live("retry.min", a.min, b.min);
  out.live("retry.max", a.max, b.max);
  out.live("retry.factor", a.factor, b.factor);
  out.live("retry.jitter", a.jitter, b.jitter);
  out.live("retry.reset_after", a.reset_after, b.reset_after);
  out.live("retry.connect_timeout", a.connect_timeout, b.connect_timeout);
}

void compare_options(const std::string& prefix, const Schema& schema, const Checked& a,
                     const Checked& b, Comparison& out) {
  for (std::size_t i = 0; i < schema.size() && i < a.size() && i < b.size(); ++i) {
    const Option& option = schema[i];
    if (a.slot(i) == b.slot(i)) continue;
    if (option.type == OptionType::table && a.slot(i).tables.size() == 1 &&
        b.slot(i).tables.size() == 1 && !option.live) {
      compare_options(prefix + option.name + ".", option.fields, a.slot(i).tables[0],
                      b.slot(i).tables[0], out);
    } else {
      out.changed(prefix + option.name, option.live);
    }
  }
}

ReloadAction compare(const SessionConfig& a, const SessionConfig& b, bool keys_changed,
                     const Schema* schema) {
  Comparison out;
  out.restart("plugin", a.plugin, b.plugin);
  out.restart("mode", a.mode, b.mode);
  out.restart("peer", a.peer, b.peer);
  out.restart("peer", a.peer_prefix, b.peer_prefix);
  out.restart("source", a.source, b.source);
  out.restart("link", a.link, b.link);
  out.restart("v6only", a.v6only, b.v6only);
  // From no authentication to one, or back, the link cannot go along.
  if (a.keychain != b.keychain) out.changed("keychain", !a.keychain.empty() && !b.keychain.empty());
  if (a.keychain == b.keychain && keys_changed) out.changed("keychain", true);
  out.live("description", a.description, b.description);
  out.live("labels", a.labels, b.labels);
  out.live("enabled", a.enabled, b.enabled);
  out.live("app", a.app, b.app);
  out.live("app_mode", a.app_mode, b.app_mode);
  out.live("app_users", a.app_users, b.app_users);
  out.live("app_socket_mode", a.app_socket_mode, b.app_socket_mode);
  out.live("app_socket_group", a.app_socket_group, b.app_socket_group);
  out.live("app_remote", a.app_remote, b.app_remote);
  out.live("max_dynamic", a.max_dynamic, b.max_dynamic);
  out.live("log_level", a.log_level, b.log_level);
  compare_retry(a.retry, b.retry, out);
  compare_transport(a.transport, b.transport, out);
  if (a.plugin == b.plugin && schema != nullptr) {
    compare_options(a.plugin + ".", *schema, a.options, b.options, out);
  }
  return std::move(out).action(b.name);
}

const SessionConfig* find(const Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.sessions, name, &SessionConfig::name);
  return found == config.sessions.end() ? nullptr : &*found;
}

}  // namespace

std::vector<ReloadAction> diff(const Config& from, const Config& to,
                               const std::map<std::string, KeyChain>& old_chains,
                               const std::map<std::string, KeyChain>& new_chains,
                               const std::function<const Schema*(const std::string&)>& schema_of) {
  const auto keys_changed = [&](const std::string& chain) {
    const auto a = old_chains.find(chain), b = new_chains.find(chain);
    if (a == old_chains.end() || b == new_chains.end()) return false;
    return !a->second.same(b->second);
  };
  std::vector<ReloadAction> actions;
  for (const SessionConfig& now : to.sessions) {
    const SessionConfig* before = find(from, now.name);
    if (before == nullptr) {
      actions.push_back({ReloadAction::What::add, now.name, {}});
    } else {
      actions.push_back(compare(*before, now, keys_changed(now.keychain), schema_of(now.plugin)));
    }
  }
  for (const SessionConfig& before : from.sessions) {
    if (find(to, before.name) == nullptr) {
      actions.push_back({ReloadAction::What::remove, before.name, {}});
    }
  }
  return actions;
}

}  // namespace peerhold
