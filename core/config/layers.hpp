// Layers: [defaults] and [template.NAME] under the sessions. Built-in < defaults < template <
// session; tables merge, arrays replace.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "config/config.hpp"
#include "config/sources.hpp"

namespace peerhold {

class Layers {
 public:
  // Checks each layer on its own, so that a mistake is told once and at its own place. A plugin's
  // table is checked against that plugin.
  Layers(const Sources&, const LoadRequest&, const KeeperConfig&, std::vector<Diagnostic>& out);

  // The session's table on top of its layers. Tables of plugins other than its own are left out
  // where a layer has them.
  Value merged(const Value& session, const std::string& where, std::vector<Diagnostic>& out) const;
  // "defaults", "template edge", or empty when the session itself says so.
  std::string label(const Location&) const;

 private:
  void check(const TableEntry&, const std::string& where, const LoadRequest&, const KeeperConfig&,
             std::vector<Diagnostic>& out);
  void note(const Value&, const std::string& label);
  using Place = std::tuple<std::string, std::uint32_t, std::uint32_t>;
  std::map<Place, std::string> labels_;
  Value defaults_;
  std::map<std::string, Value> templates_;
};

}  // namespace peerhold
