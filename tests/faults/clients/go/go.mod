module faults

go 1.23
