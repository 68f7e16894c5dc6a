// KeyChain: the keys of one chain, loaded, and which of them is used (RFC 8177's
// words). Owns the secrets; whoever signs borrows a Key from here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "net/key.hpp"

namespace peerhold {

struct ChainKey {
  Key key;
  std::optional<std::chrono::sys_seconds> start, end;
  bool valid_at(WallTime) const;
};

class KeyChain {
 public:
  KeyChain() = default;

  const std::string& name() const { return name_; }
  Rollover rollover() const { return rollover_; }
  const std::vector<ChainKey>& keys() const { return keys_; }
  // Of several valid keys the one with the latest start, among equals the one later in the file;
  // when none is valid the last one to end, else the first to start. `manual`: the first of the
  // file. Never null: a chain has at least one key.
  const Key& in_use(WallTime now) const;
  // The key of that id, or null.
  const Key* find(std::uint32_t id) const;
  // May a peer be followed to that key now: is it of this chain, not more than accept_tolerance
  // before its start, and not more than that after its end?
  bool acceptable(std::uint32_t id, WallTime now) const;
  // Some key is valid now?
  bool any_valid(WallTime now) const;
  // When the keys that follow one another from `now` on come to an end: no key is valid then. None:
  // some key is valid for ever, or none is valid now.
  std::optional<WallTime> valid_until(WallTime now) const;
  // Same rules, ids, lifetimes and secrets (constant time in the secrets), in the same order?
  bool same(const KeyChain&) const;

 private:
  friend struct ChainLoader;
  std::string name_;
  Rollover rollover_ = Rollover::follow;
  Milliseconds tolerance_{0};
  std::vector<ChainKey> keys_;
};

struct SecretPolicy {
  // Who may be able to read a secret file without its being refused: root and the keeper's own
  // group; any group but not others; everybody ([keeper] secret_file_mode = "any").
  enum class Readers : std::uint8_t { own_group, any_group, all } readers = Readers::own_group;
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY, or empty
  bool skip_unreadable = false;       // `check --no-secrets`
};

// Reads every secret of the chain. Complaints (duplicate secrets, odd ends of secrets, no key valid
// now, …) go to `out` with the place in the configuration; empty when any of them is an error.
// `skipped` counts secret files that were skipped (policy.skip_unreadable); such a chain is empty
// too.
std::optional<KeyChain> load_chain(const KeyChainConfig&, const SecretPolicy&, WallTime now,
                                   std::vector<Diagnostic>& out, std::size_t* skipped = nullptr);

}  // namespace peerhold
