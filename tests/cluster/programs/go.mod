module waybill.test/cluster/programs

go 1.24.0
