// Owns a capture and hands each segment to the subject that it is about. Opened by the keeper's
// diagnosis and by `peerhold probe`.
#include "auth/observer.hpp"

#include <algorithm>
#include <set>

namespace peerhold {
namespace {

// Whose segment a stranger's might be is tried for each subject and key: only so many are tried.
constexpr std::size_t most_subjects_of_a_stranger = 64;

Endpoint of_port(std::uint16_t port) {
  Endpoint anybody;
  anybody.port = port;
  return anybody;
}

}  // namespace

Observer::Observer(std::vector<Subject> subjects, std::vector<Prefix> others)
    : subjects_(std::move(subjects)), others_(std::move(others)), evidence_(subjects_.size()) {}

Result<std::unique_ptr<Observer>> Observer::open(
    Loop& loop, std::vector<Subject> subjects, std::vector<Prefix> others,
    const std::function<const KeyChain*(const std::string&)>& chains, std::size_t most) {
  std::unique_ptr<Observer> made(new Observer(std::move(subjects), std::move(others)));
  std::vector<Capture::Pair> pairs;
  std::set<std::pair<Endpoint, std::uint16_t>> ends;  // many subjects share a listener
  for (const Subject& subject : made->subjects_) {
    for (const Subject::Way& way : subject.ways) {
      Endpoint peer = of_port(way.peer_port);
      if (subject.peer.is_host()) {
        peer.address = subject.peer.address;
        pairs.push_back({way.local, peer, false});
      }
      // Whoever else comes to that end: a prefix's peers, or ours under another address.
      if (ends.emplace(way.local, way.peer_port).second)
        pairs.push_back({way.local, of_port(way.peer_port), true});
    }
    if (subject.chain.empty() || made->chains_.contains(subject.chain)) continue;
    KeyList& copy = made->chains_[subject.chain];
    if (const KeyChain* chain = chains(subject.chain))
      for (const ChainKey& key : chain->keys())
        copy.push_back({key.key.id, key.key.algorithm, key.key.secret.clone()});
  }
  made->left_ = most;
  auto capture =
      Capture::open(loop, pairs, [self = made.get()](const Segment& s) { self->see(s); });
  if (!capture) return std::move(capture).error();
  made->capture_ = std::move(*capture);
  return made;
}

const KeyList& Observer::keys_of(const Subject& subject) const {
  static const KeyList none;
  const auto found = chains_.find(subject.chain);
  return found == chains_.end() ? none : found->second;
}

void Observer::see(const Segment& segment) {
  if (segment.outgoing || (only_ != 0 && segment.to.port != only_)) return;
  if (left_ == 0 || --left_ == 0) {
    capture_.reset();
    return;
  }
  if (std::ranges::any_of(ignored_, [&](const Endpoint& local) {
        return local.port == segment.to.port && local.address.bytes == segment.to.address.bytes;
      }))
    return;
  bool known = false;
  for (std::size_t i = 0; i < subjects_.size(); ++i) {
    const Subject& subject = subjects_[i];
    if (!subject.peer.contains(segment.from.address)) continue;
    known = true;
    if (comes_by(subject, segment)) weigh(evidence_[i], subject, keys_of(subject), segment);
  }
  if (known || !segment.is_signed() || std::ranges::any_of(others_, [&](const Prefix& one) {
        return one.contains(segment.from.address);
      }))
    return;
  const std::size_t most = std::min(subjects_.size(), most_subjects_of_a_stranger);
  for (std::size_t i = 0; i < most; ++i)
    weigh_stranger(evidence_[i], subjects_[i], keys_of(subjects_[i]), segment);
}

}  // namespace peerhold
