module waybill.test/cluster/monitoring

go 1.24.0

// Nothing of it is built: its release brings the definitions of ServiceMonitor and PrometheusRule.
require github.com/prometheus-operator/prometheus-operator v0.86.1
