// Library: one plugin file, loaded and checked; never unloaded while the process runs.
#pragma once

#include <peerhold/plugin.h>

#include <memory>
#include <span>
#include <string>

#include "config/config.hpp"

namespace peerhold {

// As plugins see an address; a UNIX path, or none, is family 0.
ph_addr to_abi(const Endpoint&);

class Library {
 public:
  // RTLD_NOW | RTLD_LOCAL. Refused: a file or directory that others than root and the keeper's user
  // may write, no symbol peerhold_plugin_1, another major version, nonsense in the descriptor or
  // the option schema. The error names the file and what to do.
  static Result<std::unique_ptr<Library>> load(const std::string& path);

  // What the plugin declared, cut or zero-filled to the structs of this build; `metrics` too, so
  // that they can be indexed. Options: use facts().schema.
  const ph_plugin& plugin() const { return plugin_; }
  const std::string& path() const { return path_; }
  std::string name() const { return plugin_.name; }
  // For the configuration loader; `check` calls the plugin's own check().
  const PluginFacts& facts() const { return facts_; }
  bool is(std::uint32_t flag) const { return (plugin_.flags & flag) != 0; }

  // Whose connection is this? Index, PH_EAGAIN, or a negative status with `reply` to be sent.
  struct Picked {
    int answer = PH_EAGAIN;
    std::vector<std::uint8_t> reply;
  };
  Picked pick(std::span<const ph_config* const> sessions, std::span<const std::uint8_t> data) const;
  // For how long pick() may ask for more; none: the plugin leaves that to the core.
  std::optional<Milliseconds> pick_wait(std::span<const ph_config* const> sessions) const;

  // True at most once a second: complaints about a plugin's manners must not flood the log.
  bool may_report(SteadyTime now) const;

 private:
  Library() = default;
  Result<void> adopt(const ph_plugin& declared);
  void check(const SessionConfig&, std::vector<Diagnostic>&) const;
  std::string path_;
  ph_plugin plugin_{};
  std::vector<ph_metric> metrics_;
  mutable SteadyTime reported_{};
  PluginFacts facts_;
};

}  // namespace peerhold
