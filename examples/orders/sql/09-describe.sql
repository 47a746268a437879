describe mysql_orders_enriched extended;
describe "ALL_ORDERS" extended;
