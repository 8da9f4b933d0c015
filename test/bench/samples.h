// Samples: durations by name, in the order the names first came; medians in microseconds. One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace cradle::bench {

class Samples {
 public:
  void Add(const std::string& name, double micros) {
    if (!values_.contains(name)) names_.push_back(name);
    values_[name].push_back(micros);
  }
  // Runs it and notes how long it took.
  template <class F>
  auto Time(const std::string& name, F&& action) {
    struct Stop {
      Samples& samples;
      const std::string& name;
      std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
      ~Stop() {
        samples.Add(name, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
      }
    } stop{*this, name};
    return action();
  }
  const std::vector<std::string>& names() const { return names_; }
  double Median(const std::string& name) const {
    auto found = values_.find(name);
    if (found == values_.end()) return 0;
    std::vector<double> sorted = found->second;
    std::sort(sorted.begin(), sorted.end());
    size_t half = sorted.size() / 2;
    return sorted.size() % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
  double Most(const std::string& name) const {
    auto found = values_.find(name);
    return found == values_.end() ? 0 : *std::max_element(found->second.begin(), found->second.end());
  }
  void Clear() { values_.clear(), names_.clear(); }

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::vector<double>> values_;
};

}  // namespace cradle::bench
