// Library: loads one plugin file and believes nothing it says before it is checked. Called by
// Plugins; what is loaded stays loaded, because threads and handlers of plugin code may outlive an
// instance.
#include "plugin/library.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/fd.hpp"
#include "plugin/options.hpp"

namespace peerhold {
namespace {

#define PH_STR2(x) #x
#define PH_STR(x) PH_STR2(x)
constexpr const char* symbol = "peerhold_plugin_" PH_STR(PH_ABI_MAJOR);

// The least that a descriptor must hold: all up to the last required callback.
constexpr std::size_t least_descriptor = offsetof(ph_plugin, on_data) + sizeof(ph_plugin::on_data);
constexpr std::size_t least_metric = offsetof(ph_metric, gauge) + sizeof(ph_metric::gauge);

// Code that this process will run must be out of the reach of all who could not replace the
// process.
Result<void> trusted(const std::string& path, const char* kind) {
  Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0)
    return error_from_errno(errno, std::string("plugin ") + kind + " " + path, Cause::resource);
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
  const auto self = ::geteuid();
  const auto what = std::string("refused to load code: ") + kind + " " + path;
  if (st.st_uid != 0 && st.st_uid != self)
    return Error{what + " belongs to uid " + std::to_string(st.st_uid) +
                     ", neither root nor the keeper's user (uid " + std::to_string(self) +
                     "); chown it to root",
                 0, Cause::resource};
  if ((st.st_mode & S_IWOTH) != 0)
    return Error{what + " (mode " + mode + ") may be written by others; chmod o-w", 0,
                 Cause::resource};
  if ((st.st_mode & S_IWGRP) != 0 && st.st_gid != 0)
    return Error{what + " (mode " + mode + ") may be written by group " +
                     std::to_string(st.st_gid) + "; chmod g-w",
                 0, Cause::resource};
  return {};
}

std::string words(const char* text) {
  return text ? escape_control(text) : std::string();
}

// "…: no symbol peerhold_plugin_1", and whether it is a plugin for another major version.
std::string missing_symbol(void* handle) {
  for (int major = 0; major <= 16; ++major) {
    const auto other = "peerhold_plugin_" + std::to_string(major);
    if (major != PH_ABI_MAJOR && ::dlsym(handle, other.c_str()))
      return "is built for version " + std::to_string(major) +
             " of the plugin interface, this peerhold offers version " PH_STR(PH_ABI_MAJOR) +
             "; build it against the installed peerhold/plugin.h";
  }
  return std::string("has no symbol ") + symbol +
         "; it is no peerhold plugin, or was built with its symbols hidden (PH_EXPORT)";
}

bool is_plugin_name(const char* name) {
  if (!name || !std::isalnum(static_cast<unsigned char>(*name))) return false;
  const std::string text(name, ::strnlen(name, 64));
  return text.size() < 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '-' || c == '_';
         });
}

bool stands_in_every_session(const std::string& key) {
  const auto& schema = session_schema();
  return std::any_of(schema.begin(), schema.end(), [&](const Option& o) { return o.name == key; });
}

// Calls that are made outside of an instance: exceptions become the text that is returned.
template <class F>
std::string contained(F&& call) {
  try {
    call();
    return {};
  } catch (const std::exception& e) {
    return words(e.what());
  } catch (...) {
    return "not a std::exception";
  }
}

// A host table in which only the functions that read options and complain exist.
ph_host option_reader() {
  ph_host host{};
  host.struct_size = sizeof host;
  host.abi_major = PH_ABI_MAJOR;
  host.abi_minor = PH_ABI_MINOR;
  fill_option_functions(host);
  return host;
}

}  // namespace

ph_addr to_abi(const Endpoint& endpoint) {
  ph_addr out{};
  out.family = endpoint.is_unix() ? std::uint8_t{0} : endpoint.address.family;
  out.port = endpoint.port;
  std::ranges::copy(endpoint.address.bytes, out.ip);
  return out;
}

Result<std::unique_ptr<Library>> Library::load(const std::string& path) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(path, failed);
  if (failed) return error_from_errno(failed.value(), "plugin file " + path, Cause::resource);
  // The directory in which a symbolic link stands decides what it points to: it counts as well.
  const auto named = std::filesystem::absolute(path).parent_path();
  for (const auto& dir : {real.parent_path(), named})
    if (auto ok = trusted(dir.string(), "directory"); !ok) return std::move(ok).error();
  if (auto ok = trusted(real.string(), "file"); !ok) return std::move(ok).error();

  void* handle = ::dlopen(real.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return Error{"plugin file " + path + " cannot be loaded: " + words(::dlerror()), 0,
                 Cause::resource};
  const void* found = ::dlsym(handle, symbol);
  if (!found)
    return Error{"plugin file " + path + " " + missing_symbol(handle), 0, Cause::resource};

  // Only as much is read as the plugin says there is.
  std::size_t size = 0;
  std::memcpy(&size, found, sizeof size);
  if (size < least_descriptor || size > 65536)
    return Error{"plugin file " + path + ": struct_size " + std::to_string(size) +
                     " is not a size of struct ph_plugin; begin it with PH_PLUGIN_INIT",
                 0, Cause::resource};
  ph_plugin declared{};
  std::memcpy(&declared, found, std::min(size, sizeof declared));

  std::unique_ptr<Library> library(new Library);
  library->path_ = path;
  if (auto ok = library->adopt(declared); !ok)
    return Error{"plugin file " + path + ": " + ok.error().text, 0, Cause::resource};
  return library;
}

Result<void> Library::adopt(const ph_plugin& declared) {
  plugin_ = declared;
  if (plugin_.abi_major != PH_ABI_MAJOR)
    return Error{"abi_major is " + std::to_string(plugin_.abi_major) +
                 ", the symbol says " PH_STR(PH_ABI_MAJOR) "; begin it with PH_PLUGIN_INIT"};
  if (!is_plugin_name(plugin_.name))
    return Error{"name must be 1 to 31 letters, digits, - or _, and begin with a letter or digit"};
  if (stands_in_every_session(plugin_.name))
    return Error{"name \"" + name() + "\" is a key of every session's table; choose another"};
  if (!plugin_.version || !plugin_.summary || !plugin_.licence)
    return Error{"version, summary and licence must be given"};
  if (!plugin_.open || !plugin_.close || !plugin_.on_data)
    return Error{"open, close and on_data must be given"};
  if ((plugin_.flags & (PH_PERSISTENT | PH_PER_CLIENT)) == 0)
    return Error{"flags name no link mode: PH_PERSISTENT, PH_PER_CLIENT or both"};
  if (plugin_.default_port > 65535) return Error{"default_port is no port"};
  if (plugin_.default_dscp > 63) return Error{"default_dscp is above 63"};
  if (plugin_.n_metrics > 256 ||
      (plugin_.n_metrics != 0 && (!plugin_.metrics || plugin_.metric_size < least_metric)))
    return Error{
        "metrics, n_metrics and metric_size do not fit each other; begin with PH_PLUGIN_INIT"};
  for (std::uint32_t i = 0; i < plugin_.n_metrics; ++i) {
    ph_metric metric{};
    std::memcpy(&metric, reinterpret_cast<const char*>(plugin_.metrics) + i * plugin_.metric_size,
                std::min(plugin_.metric_size, sizeof metric));
    if (!metric.name || !*metric.name || !metric.help)
      return Error{"metric " + std::to_string(i + 1) + " has no name or no help text"};
    metrics_.push_back(metric);
  }
  plugin_.metrics = metrics_.data();
  plugin_.metric_size = sizeof(ph_metric);

  auto schema = schema_of(plugin_);
  if (!schema) return std::move(schema).error();
  facts_.schema = std::move(*schema);
  std::vector<Diagnostic> missing;  // what a session must give
  facts_.defaults = check_table(facts_.schema, nullptr, {}, {}, missing);
  facts_.persistent = is(PH_PERSISTENT);
  facts_.per_client = is(PH_PER_CLIENT);
  facts_.default_link = facts_.per_client ? LinkMode::per_client : LinkMode::persistent;
  facts_.handshake = is(PH_HANDSHAKE);
  facts_.app_optional = is(PH_APP_OPTIONAL);
  facts_.shares_app = plugin_.pick != nullptr;
  facts_.default_port = static_cast<std::uint16_t>(plugin_.default_port);
  if (plugin_.default_dscp != 0) facts_.default_dscp = plugin_.default_dscp;
  facts_.no_keepalive = is(PH_OWN_KEEPALIVES);
  if (plugin_.check)
    facts_.check = [this](const SessionConfig& s, std::vector<Diagnostic>& out) { check(s, out); };
  return {};
}

// The plugin's own look at its options.
void Library::check(const SessionConfig& session, std::vector<Diagnostic>& out) const {
  Complaints complaints{"session \"" + session.name + "\", [session." + name() + "]", &out};
  const PluginConfig config(facts_.schema, session.options, &complaints);
  const ph_host host = option_reader();
  ph_open how{};
  how.struct_size = sizeof how;
  how.session = session.name.c_str();
  how.persistent = session.link == LinkMode::persistent;
  how.active = session.mode != Mode::passive;
  how.passive = session.mode != Mode::active;
  how.app_listens = session.link == LinkMode::per_client ? session.mode == Mode::active
                                                         : session.app_mode == AppMode::listen;
  how.config = config.get();
  how.source = to_abi(session.source);
  const std::string app = session.app ? session.app->to_string() : std::string();
  how.app = session.app ? app.c_str() : nullptr;
  const auto before =
      std::ranges::count(out, Diagnostic::error, [](const Diagnostic& d) { return d.severity; });
  int answer = PH_OK;
  const auto threw = contained([&] { answer = plugin_.check(&host, &how); });
  if (!threw.empty()) {
    out.push_back({Diagnostic::error, session.at,
                   complaints.where + ": the plugin's check() let an exception out: " + threw});
  } else if (answer != PH_OK && std::ranges::count(out, Diagnostic::error, [](const Diagnostic& d) {
                                  return d.severity;
                                }) == before) {
    out.push_back({Diagnostic::error, session.at,
                   complaints.where + ": the plugin refuses these options and does not say why (" +
                       std::to_string(answer) + ")"});
  }
}

Library::Picked Library::pick(std::span<const ph_config* const> sessions,
                              std::span<const std::uint8_t> data) const {
  Picked picked;
  picked.answer = PH_EINVAL;
  if (!plugin_.pick) return picked;
  const ph_host host = option_reader();
  std::uint8_t reply[64];
  std::size_t length = 0;
  int answer = PH_EINVAL;
  const auto threw = contained([&] {
    answer = plugin_.pick(&host, sessions.data(), sessions.size(), data.data(), data.size(), reply,
                          &length);
  });
  const bool chosen = answer >= 0 && static_cast<std::size_t>(answer) < sessions.size();
  if (!threw.empty() || length > sizeof reply || (answer >= 0 && !chosen)) return picked;
  picked.answer = answer;
  if (answer < 0 && answer != PH_EAGAIN) picked.reply.assign(reply, reply + length);
  return picked;
}

std::optional<Milliseconds> Library::pick_wait(std::span<const ph_config* const> sessions) const {
  if (!plugin_.pick_wait) return std::nullopt;
  const ph_host host = option_reader();
  std::int64_t answer = 0;
  const auto threw =
      contained([&] { answer = plugin_.pick_wait(&host, sessions.data(), sessions.size()); });
  return Milliseconds(threw.empty() ? std::max<std::int64_t>(answer, 0) : 0);
}

bool Library::may_report(SteadyTime now) const {
  if (reported_ != SteadyTime{} && now - reported_ < std::chrono::seconds(1)) return false;
  reported_ = now;
  return true;
}

}  // namespace peerhold
