// Loads a configuration: files, layers, sections, checks, in this order; every mistake is told, not
// the first one. Called by the keeper at start and at each reload, and by `peerhold check`.
#include "config/config.hpp"

#include <algorithm>

#include "config/sections.hpp"

namespace peerhold {

namespace {

// By the order in which the files were read, then by place; the same thing is told once.
void put_in_order(std::vector<Diagnostic>& all, const std::vector<std::string>& files) {
  const auto rank = [&](const Diagnostic& d) {
    return std::tuple(std::find(files.begin(), files.end(), d.at.file) - files.begin(), d.at.line,
                      d.at.column);
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return rank(a) < rank(b); });
  const auto same = [](const Diagnostic& a, const Diagnostic& b) {
    return a.at == b.at && a.text == b.text;
  };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
}

Loaded load(Sources sources, std::vector<Diagnostic> out, const LoadRequest& request) {
  Loaded loaded;
  Config& c = loaded.config;
  c.keeper = read_keeper(sources, out);
  c.keychains = read_keychains(sources, c.keeper, out);
  const Layers layers(sources, request, c.keeper, out);
  std::vector<ReadSession> sessions;
  for (std::size_t i = 0; i < sources.sessions.size(); ++i)
    sessions.push_back(
        read_session(sources.sessions[i], i + 1, {layers, request, c.keeper, c.keychains}, out));
  std::vector<ReadListen> listens;
  for (std::size_t i = 0; i < sources.listens.size(); ++i)
    listens.push_back(read_listen(sources.listens[i], i + 1, c.keychains, out));
  cross_check(sessions, listens, c.keeper, out);
  if (sessions.empty() && !any_error(out))
    out.push_back({Diagnostic::warning, sources.start,
                   "there is no [[session]]; the keeper will have nothing to do"});
  for (ReadSession& s : sessions) c.sessions.push_back(std::move(s.config));
  for (ReadListen& l : listens) c.listens.push_back(std::move(l.config));
  put_in_order(out, sources.files);
  c.files = std::move(sources.files);
  loaded.diagnostics = std::move(out);
  return loaded;
}

}  // namespace

std::string_view to_string(Mode mode) {
  static constexpr std::string_view words[] = {"active", "passive", "both"};
  return words[static_cast<std::size_t>(mode)];
}

std::string_view to_string(LinkMode mode) {
  return mode == LinkMode::persistent ? "persistent" : "per-client";
}

std::string_view to_string(AppMode mode) {
  return mode == AppMode::listen ? "listen" : "connect";
}

std::string_view to_string(Rollover rollover) {
  static constexpr std::string_view words[] = {"follow", "scheduled", "manual"};
  return words[static_cast<std::size_t>(rollover)];
}

bool SecretRef::operator==(const SecretRef& other) const {
  if (kind != other.kind || name != other.name) return false;
  if (!inline_secret || !other.inline_secret) return inline_secret == other.inline_secret;
  return inline_secret->same(*other.inline_secret);
}

bool KeyConfig::operator==(const KeyConfig& other) const {
  return id == other.id && secret == other.secret && start == other.start && end == other.end;
}

bool KeyChainConfig::operator==(const KeyChainConfig& other) const {
  return name == other.name && rollover == other.rollover &&
         accept_tolerance == other.accept_tolerance && keys == other.keys;
}

bool TransportConfig::operator==(const TransportConfig& o) const {
  const auto all = [](const TransportConfig& t) {
    return std::tie(t.ttl_security_hops, t.user_timeout, t.keepalive, t.dscp, t.interface, t.mss,
                    t.congestion, t.buffer, t.freebind);
  };
  return all(*this) == all(o);
}

bool SessionConfig::operator==(const SessionConfig& o) const {
  const auto all = [](const SessionConfig& s) {
    return std::tie(s.name, s.description, s.labels, s.enabled, s.plugin, s.mode, s.peer,
                    s.peer_prefix, s.source, s.keychain, s.link, s.app, s.app_mode, s.app_users,
                    s.app_socket_mode, s.app_socket_group, s.app_remote, s.v6only, s.max_dynamic,
                    s.log_level, s.retry, s.transport, s.options);
  };
  return all(*this) == all(o);
}

std::string expand_app_path(const std::string& path, const std::string& name,
                            const std::string& address) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::string_view rest = std::string_view(path).substr(at);
    if (rest.starts_with("{name}")) {
      out += name;
      at += 6;
    } else if (rest.starts_with("{addr}")) {
      out += address;
      at += 6;
    } else {
      out += path[at++];
    }
  }
  return out;
}

bool ListenConfig::operator==(const ListenConfig& other) const {
  return std::tie(address, prefix, keychain, interface) ==
         std::tie(other.address, other.prefix, other.keychain, other.interface);
}

Loaded load_config(const LoadRequest& request) {
  std::vector<Diagnostic> out;
  Sources sources = read_sources(request.path, out);
  return load(std::move(sources), std::move(out), request);
}

Loaded load_config_text(const std::string& text, const std::string& name,
                        const LoadRequest& request) {
  std::vector<Diagnostic> out;
  Sources sources = read_source_text(text, name, out);
  return load(std::move(sources), std::move(out), request);
}

}  // namespace peerhold
