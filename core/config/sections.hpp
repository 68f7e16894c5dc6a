// The sections of the configuration, each from its tree to its plain values, with what can be said
// of it alone; then what can only be said of all of them together.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/layers.hpp"
#include "config/sources.hpp"

namespace peerhold {

inline void complain(std::vector<Diagnostic>& out, const Location& at, const std::string& where,
                     const std::string& text, Diagnostic::Severity severity = Diagnostic::error) {
  out.push_back({severity, at, where + ": " + text});
}

// What is wrong with a name of a session or chain, or empty.
std::string wrong_name(const std::string& name);

KeeperConfig read_keeper(const Sources&, std::vector<Diagnostic>& out);
// Takes the inline secrets out of the trees.
std::vector<KeyChainConfig> read_keychains(Sources&, const KeeperConfig&,
                                           std::vector<Diagnostic>& out);

struct ReadSession {
  SessionConfig config;
  const PluginFacts* facts = nullptr;
  bool good = false;  // nothing is wrong with it alone
};
struct SessionSurroundings {
  const Layers& layers;
  const LoadRequest& request;
  const KeeperConfig& keeper;
  const std::vector<KeyChainConfig>& keychains;
};
ReadSession read_session(const Value&, std::size_t number, const SessionSurroundings&,
                         std::vector<Diagnostic>& out);

struct ReadListen {
  ListenConfig config;
  bool good = false;
};
ReadListen read_listen(const Value&, std::size_t number, const std::vector<KeyChainConfig>&,
                       std::vector<Diagnostic>& out);

// Contradictions between sections: names, listeners, app sockets.
void cross_check(const std::vector<ReadSession>&, const std::vector<ReadListen>&,
                 const KeeperConfig&, std::vector<Diagnostic>& out);

// Names a chain that is not there.
std::string no_such_chain(const std::string& name, const std::vector<KeyChainConfig>&);

}  // namespace peerhold
